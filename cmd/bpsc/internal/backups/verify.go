package backups

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/chains"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// backupVerify is one run of bpsc backup verify.
type backupVerify struct {
	*backups
	policy  cli.PolicyFlags
	temp    string
	options audit.Options
	checked []checkedBackup
}

// checkedBackup is a backup that verified.
type checkedBackup struct {
	Names   []string          `json:"names"` // of a chain the whole series
	Kind    backup.Kind       `json:"kind"`
	By      string            `json:"by"`
	Taken   time.Time         `json:"taken"`
	Applied uint64            `json:"applied,omitempty"`
	Digest  string            `json:"digest"`
	Checks  []string          `json:"checks"`
	Chains  []chains.Verified `json:"chains"`
}

func newBackupVerifyCommand(b *backups) *cobra.Command {
	v := &backupVerify{backups: b}
	cmd := &cobra.Command{
		Use: "verify SOURCE [NAME...]", Short: "Verify all of a backup, without a cluster",
		Example: `  bpsc backup verify /srv/backup
  bpsc backup verify /srv/backup --policy policy.txt`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) > 1 && !isPlace(args[0]) {
				return cli.ArgError("%s takes a file, - for standard input, or a place and names in it: %s", cmd.CommandPath(), cmd.UseLine())
			}
			return nil
		},
		Long: "Verify all of a backup: each byte of it against its manifest; of a state every row of the store; then\n" +
			"all that `bpsc chain verify` does, of each chain: every block, signature and decision, balances and\n" +
			"totals, the log of headers against the checkpoint, and what is stored beside the blocks. A chain's\n" +
			"backup is verified with those before it. Exits with 5 where something is wrong, and names it.\n\n" +
			"SOURCE is a file, - for standard input, or a place; of a place the newest of the state and of each\n" +
			"chain, or those that are named. With --policy a checkpoint is demanded, signed as that file says.\n" +
			"A state is unpacked to a folder in --temp meanwhile.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if v.policy.File != "" {
				policies, err := v.policy.Read()
				if err != nil {
					return err
				}
				v.options.Policies = policies
			}
			progress := cli.NewProgress("", "verified")
			v.options.Progress = progress.At
			err := v.run(cmd.Context(), args[0], args[1:])
			progress.End()
			if err != nil {
				return v.refuse(cmd.OutOrStdout(), err)
			}
			return v.print(cmd.OutOrStdout())
		},
	}
	v.policy.Add(cmd)
	cmd.Flags().StringVar(&v.temp, "temp", os.TempDir(), "folder with room for the state while it is verified")
	return cmd
}

// refuse keeps what says nothing about the backup from being a verdict.
func (v *backupVerify) refuse(out io.Writer, err error) error {
	if !errors.Is(err, chain.ErrInvalid) {
		return err
	}
	return v.backups.Refuse(out, err)
}

func (v *backupVerify) run(ctx context.Context, source string, names []string) error {
	if !isPlace(source) {
		return v.archive(ctx, source)
	}
	place, entries, err := v.entries(ctx, source, false)
	if err != nil {
		return err
	}
	chosen, err := choose(entries, source, names)
	if err != nil {
		return err
	}
	for _, e := range chosen {
		if err := v.entry(ctx, place, entries, e); err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
	}
	return nil
}

// archive verifies one file.
func (v *backupVerify) archive(ctx context.Context, source string) (err error) {
	archive, cleanup, err := openArchive(source, v.temp)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close(), cleanup()) }()
	m, err := backup.Glance(archive, archive.Size())
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", source, err)
	case m.Kind == backup.State:
		return v.state(ctx, source, archive)
	}
	return v.series(ctx, []string{source}, backup.OneOf(source, archive))
}

// choose takes the entries of those names; without names the newest of the state and
// of each chain.
func choose(entries []backup.Entry, source string, names []string) (chosen []backup.Entry, err error) {
	for _, name := range names {
		i := slices.IndexFunc(entries, func(e backup.Entry) bool { return e.Name == name })
		if i < 0 {
			return nil, cli.ArgError("there is no %s in %s", name, source)
		}
		if err := entries[i].Err; err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		chosen = append(chosen, entries[i])
	}
	if len(names) > 0 {
		return chosen, nil
	}
	if e, ok := backup.NewestState(entries); ok {
		chosen = append(chosen, e)
	}
	for _, token := range backup.Tokens(entries) {
		e, _ := backup.LastOf(entries, token)
		chosen = append(chosen, e)
	}
	if len(chosen) == 0 {
		err = fmt.Errorf("there is no whole backup in %s", source)
	}
	return chosen, err
}

func (v *backupVerify) entry(ctx context.Context, place backup.Place, entries []backup.Entry, e backup.Entry) error {
	if e.Manifest.Kind == backup.State {
		archive, err := place.Open(ctx, e.Name)
		if err != nil {
			return err
		}
		defer archive.Close()
		return v.state(ctx, e.Name, archive)
	}
	series, err := backup.SeriesOf(entries, e)
	if err != nil {
		return err
	}
	var names []string
	for _, part := range series {
		names = append(names, part.Name)
	}
	return v.series(ctx, names, backup.OpenSeries(place, series))
}

func (v *backupVerify) state(ctx context.Context, name string, archive io.Reader) (err error) {
	dir, err := os.MkdirTemp(v.temp, "bpsc-verify-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	m, err := backup.UnpackState(archive, dir)
	if err != nil {
		return err
	}
	reports, err := backup.VerifyState(ctx, dir, &m, v.options)
	if err != nil {
		return err
	}
	v.note([]string{name}, &m, append([]string{"files", "rows"}, checksOf(reports)...), reports)
	return nil
}

func (v *backupVerify) series(ctx context.Context, names []string, s *backup.Series) error {
	report, err := backup.VerifySeries(ctx, s, v.options)
	if err != nil {
		return err
	}
	reports := []audit.Report{report}
	v.note(names, s.Last(), append([]string{"files"}, checksOf(reports)...), reports)
	return nil
}

// checksOf are the names of the checks that were made of chains.
func checksOf(reports []audit.Report) []string {
	if len(reports) == 0 {
		return nil
	}
	return reports[0].Checks
}

func (v *backupVerify) note(names []string, m *backup.Manifest, checks []string, reports []audit.Report) {
	c := checkedBackup{Names: names, Kind: m.Kind, By: m.By, Taken: m.Taken, Applied: m.Applied, Digest: m.Digest.String(), Checks: checks, Chains: []chains.Verified{}}
	for _, r := range reports {
		c.Chains = append(c.Chains, chains.NewVerified(&r))
	}
	v.checked = append(v.checked, c)
}

// print says what was checked.
func (v *backupVerify) print(out io.Writer) error {
	text := ""
	for i := range v.checked {
		c := &v.checked[i]
		name := c.Names[len(c.Names)-1]
		if len(c.Names) > 1 {
			name += fmt.Sprintf(" and the %d before it", len(c.Names)-1)
		}
		text += fmt.Sprintf("%s: taken %s from %s, digest %s\n%s: checked and good: %s\n", name,
			c.Taken.Format(time.DateTime), c.By, c.Digest, name, strings.Join(c.Checks, ", "))
		for k := range c.Chains {
			text += c.Chains[k].Sentences()
		}
	}
	return v.Say(out, v.checked, text)
}
