package backups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// backups is what the commands about backups have in common.
type backups struct {
	*cli.Options
	s3 backup.S3Options
}

func newBackupCommand(o *cli.Options) *cobra.Command {
	b := &backups{Options: o}
	cmd := &cobra.Command{
		Use: "backup", Short: "Take, list, verify, restore and prune backups",
		Long: "Take, list, verify, restore and prune backups. A place for them is a folder, or s3://bucket/prefix\n" +
			"on an S3-compatible server, whose credentials are in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.\n" +
			"A backup is there under its name once it is whole.",
	}
	cmd.AddCommand(newBackupCreateCommand(b), b.newListCommand(), newBackupVerifyCommand(b), newBackupRestoreCommand(b), b.newPruneCommand())
	S3Flags(cmd.PersistentFlags(), &b.s3)
	o.CACertFlag(cmd)
	o.OutputFlag(cmd)
	return cmd
}

// S3Flags are how an S3 server is reached.
func S3Flags(f *pflag.FlagSet, to *backup.S3Options) {
	f.StringVar(&to.Endpoint, "s3-endpoint", os.Getenv(cli.EnvPrefix+"S3_ENDPOINT"), "URL of the S3 server (default: Amazon's) ("+cli.EnvPrefix+"S3_ENDPOINT)")
	f.StringVar(&to.Region, "s3-region", os.Getenv(cli.EnvPrefix+"S3_REGION"), "its region (default: the server says) ("+cli.EnvPrefix+"S3_REGION)")
	f.BoolVar(&to.PathStyle, "s3-path-style", false, "put the bucket into the path of URLs, as most servers but Amazon's want it")
}

// place opens where backups are.
func (b *backups) place(target string) (backup.Place, error) {
	p, err := backup.OpenPlace(target, b.s3)
	if err != nil {
		err = cli.ArgError("%w", err)
	}
	return p, err
}

// entries lists a place, which has to be there.
func (b *backups) entries(ctx context.Context, target string, check bool) (backup.Place, []backup.Entry, error) {
	p, err := b.place(target)
	if err != nil {
		return nil, nil, err
	}
	entries, err := backup.List(ctx, p, check)
	return p, entries, err
}

// listed is a backup in a list.
type listed struct {
	Name     string           `json:"name"`
	Bytes    int64            `json:"bytes"`
	Content  int64            `json:"content_bytes,omitempty"` // of the files in it
	State    string           `json:"state"`                   // whole, damaged, newer
	Why      string           `json:"why,omitempty"`
	Manifest *backup.Manifest `json:"manifest,omitempty"`
}

func newListed(e *backup.Entry) listed {
	l := listed{Name: e.Name, Bytes: e.Size, State: "whole"}
	switch {
	case e.Err == nil:
		short := e.Manifest
		short.Files = nil
		l.Manifest, l.Content = &short, e.Manifest.Size()
	case errors.Is(e.Err, backup.ErrNewer):
		l.State, l.Why = "newer", e.Err.Error()
	default:
		l.State, l.Why = "damaged", e.Err.Error()
	}
	return l
}

func (l *listed) row() table.Row {
	if l.Manifest == nil {
		return table.Row{l.Name, l.Bytes, "", "", l.State + ": " + l.Why}
	}
	return table.Row{l.Name, l.Bytes, l.Manifest.Taken.Format(time.DateTime), l.chains(), l.State}
}

// chains says which blocks of which chains are in it.
func (l *listed) chains() string {
	if len(l.Manifest.Chains) == 0 {
		return "no chain"
	}
	var chains []string
	for _, c := range l.Manifest.Chains {
		chains = append(chains, fmt.Sprintf("%s %d-%d", c.Token, c.From, c.Length))
	}
	return strings.Join(chains, ", ")
}

func (b *backups) newListCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use: "list PLACE", Short: "List backups, and which are whole", Args: cli.ExactArgs(1),
		Example: `  bpsc backup list /srv/backup
  bpsc backup list s3://backups/bpsc --check`,
		Long: "List backups, the oldest first, and which are whole. The ends of files are looked at, which finds\n" +
			"what is cut short; with --check all is read, which finds whatever has changed. `bpsc backup\n" +
			"verify` verifies what is in them. Exits with 5 where one is damaged.",
		RunE: func(cmd *cobra.Command, args []string) error {
			_, entries, err := b.entries(cmd.Context(), args[0], check)
			if err != nil {
				return err
			}
			all, bad := make([]listed, len(entries)), error(nil)
			var rows []table.Row
			for i := range entries {
				all[i] = newListed(&entries[i])
				rows = append(rows, all[i].row())
				if all[i].State == "damaged" && bad == nil {
					bad = fmt.Errorf("%s: %w", entries[i].Name, entries[i].Err)
				}
			}
			return errors.Join(b.Print(cmd.OutOrStdout(), all, table.Row{"backup", "bytes", "taken (UTC)", "blocks", "state"}, rows...), bad)
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "read all of each")
	return cmd
}

// unfinishedAge is how old what was never finished has to be for prune to take it
// away: nobody writes it any more.
const unfinishedAge = 24 * time.Hour

func (b *backups) newPruneCommand() *cobra.Command {
	var keep int
	var age string
	var dry bool
	cmd := &cobra.Command{
		Use: "prune PLACE", Short: "Remove old backups", Args: cli.ExactArgs(1),
		Example: `  bpsc backup prune --keep 14 /srv/backup
  bpsc backup prune --older-than 30d /srv/backup`,
		Long: "Remove old backups of states and, by itself, of each chain. What a newer one goes on from stays,\n" +
			"and so does the newest. One that is damaged is neither removed nor counted: look at it. What was\n" +
			"begun more than a day ago and never finished goes too.",
		RunE: func(cmd *cobra.Command, args []string) error {
			k := backup.Keep{Newest: keep}
			switch {
			case (keep != 0) == (age != ""):
				return cli.ArgError("one of --keep and --older-than, please")
			case keep < 0:
				return cli.ArgError("--keep %d: how many to keep, at least 1", keep)
			case age != "":
				old, err := parseAge(age)
				if err != nil {
					return err
				}
				k.Since = time.Now().Add(-old)
			}
			return b.prune(cmd, args[0], k, dry)
		},
	}
	cmd.Flags().IntVar(&keep, "keep", 0, "how many to keep of the state, and of each chain")
	cmd.Flags().StringVar(&age, "older-than", "", "remove those that are older, such as 30d or 36h, but for the newest")
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be removed, and remove nothing")
	return cmd
}

func (b *backups) prune(cmd *cobra.Command, target string, keep backup.Keep, dry bool) error {
	p, entries, err := b.entries(cmd.Context(), target, false)
	if err != nil {
		return err
	}
	names := backup.Prune(entries, keep)
	text := ""
	for _, name := range names {
		if !dry {
			if err := p.Remove(cmd.Context(), name); err != nil {
				return err
			}
		}
		text += name + "\n"
	}
	if !dry {
		if err := p.Clear(cmd.Context(), time.Now().Add(-unfinishedAge)); err != nil {
			return err
		}
	}
	return b.Say(cmd.OutOrStdout(), append([]string{}, names...), text)
}

// parseAge is time.ParseDuration that knows days.
func parseAge(text string) (time.Duration, error) {
	if days, is := strings.CutSuffix(text, "d"); is {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	age, err := time.ParseDuration(text)
	if err != nil || age <= 0 {
		return 0, cli.ArgError("--older-than %q is no age such as 30d or 36h", text)
	}
	return age, nil
}

// isPlace tells a place from one archive: - for standard input, or a file.
func isPlace(source string) bool {
	info, err := os.Stat(source)
	return source != "-" && (err != nil || !info.Mode().IsRegular())
}

// openArchive opens one archive. Standard input is kept in a file meanwhile, since
// the end of an archive is looked at first; cleanup removes it.
func openArchive(source, temp string) (archive backup.Stored, cleanup func() error, err error) {
	if source != "-" {
		archive, err = backup.OpenFile(source)
		return archive, func() error { return nil }, err
	}
	f, err := os.CreateTemp(temp, "bpsc-backup-*")
	if err != nil {
		return nil, nil, err
	}
	cleanup = func() error { return os.Remove(f.Name()) }
	_, err = io.Copy(f, os.Stdin)
	if err = errors.Join(err, f.Close()); err == nil {
		archive, err = backup.OpenFile(f.Name())
	}
	if err != nil {
		err = errors.Join(err, cleanup())
	}
	return archive, cleanup, err
}
