package backups

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/node/repair"
)

// olderWords is what --older-than-witness has to say: nobody types it by mistake.
const olderWords = "newer transactions will be lost"

// backupRestore is one run of bpsc backup restore.
type backupRestore struct {
	*backups
	repair.Restore
	peers, name, witnesses, words, at string
	policy                            cli.PolicyFlags
	tokens                            []string
	chains                            bool

	cleanups []func() error
}

func newBackupRestoreCommand(b *backups) *cobra.Command {
	r := &backupRestore{backups: b}
	cmd := &cobra.Command{
		Use: "restore SOURCE --data DIR --id ID --cluster ID=HOST:PORT,...", Short: "Make a member of a new cluster from a backup", Args: cli.ExactArgs(1),
		Example: `  bpsc backup restore /srv/backup --data /var/lib/bpsc --id n1 --by ann --cluster n1=10.0.0.1:6000,n2=10.0.0.2:6000,n3=10.0.0.3:6000`,
		Long: "Make the data folder of one member of a new cluster from a backup, which is verified first: run it\n" +
			"for each member, with the same backup, --cluster and --by. Members that were made from different\n" +
			"ones refuse each other. SOURCE is a place, of which the newest backup of a state is taken or --name,\n" +
			"a file, or - for standard input.\n\n" +
			"With --chain, --chains, --at-block or --at the state is made again from the blocks of chains, as of a\n" +
			"block or a time: what no block held then, and which requests were refused, is not in it.\n\n" +
			"Every chain says that it was restored, when and by whom; followers and witnesses do not go on with\n" +
			"it by themselves, for the members that they knew did not sign it. What a witness has seen beyond\n" +
			"the backup would be undone: with --witnesses they are asked, and an older backup is refused but\n" +
			"with --older-than-witness \"" + olderWords + "\".\n\n" +
			"A folder that holds anything is left alone, and after a failure there is what was there before.",
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&r.Data, "data", "", "data folder to make (required)")
	f.StringVar(&r.ID, "id", "", "name of the member in --cluster (required)")
	f.StringVar(&r.peers, "cluster", "", "id=host:port of every member of the new cluster, comma-separated, the same on each (required)")
	f.StringVar(&r.By, "by", "operator", "who restores, as the chains are to say; the same for each member")
	f.StringVar(&r.name, "name", "", "name of the backup in the place (default: the newest)")
	f.StringSliceVar(&r.tokens, "chain", nil, "restore from the blocks of this contract's chain; may be repeated")
	f.BoolVar(&r.chains, "chains", false, "restore from the blocks of all chains that have backups")
	f.Uint64Var(&r.Until.Block, "at-block", 0, "restore one chain as of this block")
	f.StringVar(&r.at, "at", "", "restore chains as of this time (RFC 3339, such as 2026-11-28T16:00:00Z)")
	f.StringVar(&r.witnesses, "witnesses", "", "file of the witnesses to ask what they have seen: lines as bpsc witness key prints them")
	f.StringVar(&r.words, "older-than-witness", "", "restore what is older than a witness has seen: \""+olderWords+"\"")
	r.policy.Add(cmd)
	return cmd
}

func (r *backupRestore) run(cmd *cobra.Command, source string) (err error) {
	if err := r.read(); err != nil {
		return err
	}
	defer func() {
		for _, cleanup := range r.cleanups {
			err = errors.Join(err, cleanup())
		}
	}()
	if err := r.choose(cmd.Context(), source); err != nil {
		return err
	}
	progress := cli.NewProgress("", "verified")
	r.Restore.Options.Progress = progress.At
	done, err := r.Run(cmd.Context())
	progress.End()
	if err != nil {
		return err
	}
	return r.tell(cmd, &done)
}

// read reads the flags.
func (r *backupRestore) read() (err error) {
	if r.Peers, err = cli.ParsePeers(r.peers); err != nil {
		return cli.ArgError("%w", err)
	}
	if r.witnesses != "" {
		if r.Witnesses, err = cli.ReadWitnesses(r.witnesses); err != nil {
			return cli.ArgError("%w", err)
		}
	}
	if r.Trusted, err = r.backups.Trusted(); err != nil {
		return err
	}
	if r.policy.File != "" {
		if r.Restore.Options.Policies, err = r.policy.Read(); err != nil {
			return err
		}
	}
	if r.at != "" {
		if r.Until.Time, err = time.Parse(time.RFC3339, r.at); err != nil {
			return cli.ArgError("--at %q is no time such as 2026-11-28T16:00:00Z", r.at)
		}
	}
	switch {
	case r.words != "" && r.words != olderWords:
		return cli.ArgError("--older-than-witness %q: the words are %q", r.words, olderWords)
	case r.chains && len(r.tokens) > 0:
		return cli.ArgError("one of --chain and --chains, please")
	case r.at != "" && r.Until.Block > 0:
		return cli.ArgError("one of --at-block and --at, please")
	}
	r.Older = r.words != ""
	return r.Validate()
}

// byBlocks tells that the state is not to be taken as it is.
func (r *backupRestore) byBlocks() bool {
	return r.chains || len(r.tokens) > 0 || r.Until != (backup.Until{})
}

// choose opens what is to be restored.
func (r *backupRestore) choose(ctx context.Context, source string) error {
	if !isPlace(source) {
		return r.file(source)
	}
	place, entries, err := r.entries(ctx, source, false)
	if err != nil {
		return err
	}
	if r.name != "" {
		chosen, err := choose(entries, source, []string{r.name})
		if err != nil {
			return err
		}
		if chosen[0].Manifest.Kind == backup.Chain {
			return r.series(place, entries, chosen[0])
		}
		return r.state(ctx, place, chosen[0])
	}
	if e, ok := backup.NewestState(entries); ok && !r.byBlocks() {
		return r.state(ctx, place, e)
	}
	if len(r.tokens) == 0 {
		r.tokens = backup.Tokens(entries)
	}
	for _, token := range r.tokens {
		e, ok := backup.LastOf(entries, token)
		if !ok {
			return fmt.Errorf("there is no whole backup of the chain of %s in %s", token, source)
		}
		if err := r.series(place, entries, e); err != nil {
			return err
		}
	}
	if len(r.Series) == 0 {
		return fmt.Errorf("there is no whole backup in %s", source)
	}
	return nil
}

func (r *backupRestore) file(source string) error {
	archive, cleanup, err := openArchive(source, os.TempDir())
	if err != nil {
		return err
	}
	r.cleanups = append(r.cleanups, archive.Close, cleanup)
	m, err := backup.Glance(archive, archive.Size())
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", source, err)
	case m.Kind == backup.State && r.byBlocks():
		return cli.ArgError("%s has a state, which is restored as it is", source)
	case m.Kind == backup.State:
		r.State = archive
	default:
		r.Series = []*backup.Series{backup.OneOf(source, archive)}
	}
	return nil
}

func (r *backupRestore) state(ctx context.Context, place backup.Place, e backup.Entry) error {
	if r.byBlocks() {
		return cli.ArgError("%s has a state, which is restored as it is", e.Name)
	}
	archive, err := place.Open(ctx, e.Name)
	if err == nil {
		r.State = archive
		r.cleanups = append(r.cleanups, archive.Close)
	}
	return err
}

func (r *backupRestore) series(place backup.Place, entries []backup.Entry, last backup.Entry) error {
	series, err := backup.SeriesOf(entries, last)
	if err == nil {
		r.Series = append(r.Series, backup.OpenSeries(place, series))
	}
	return err
}

// restoredMember is what was made, in JSON.
type restoredMember struct {
	Data   string              `json:"data"`
	ID     string              `json:"id"`
	Origin string              `json:"origin"`
	Index  uint64              `json:"index"`
	Chains []backup.ChainRange `json:"chains"`
}

func (r *backupRestore) tell(cmd *cobra.Command, done *repair.Restored) error {
	text := ""
	for _, c := range done.Chains {
		text += fmt.Sprintf("%s: restored as of block %d, made %s, with hash %s\n", c.Token, c.Length, c.Time.Time().UTC().Format(time.DateTime), c.Tip)
	}
	text += fmt.Sprintf("%s is the folder of %s, a member of a new cluster, made from %.16s: make the others from the same, and start them all\n",
		r.Data, r.ID, done.Origin)
	return r.Say(cmd.OutOrStdout(), restoredMember{r.Data, r.ID, done.Origin, done.Index, done.Chains}, text)
}
