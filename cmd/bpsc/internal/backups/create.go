package backups

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/release"
)

// backupCreate is one run of bpsc backup create.
type backupCreate struct {
	*backups
	from, secretFile string
	tokens           []string
	chains           bool // all there are
	incremental      bool
	insecure         bool // the secret goes over plain HTTP to another machine

	client *client.Client
	place  backup.Place // nil: standard output
	made   []listed
}

func newBackupCreateCommand(b *backups) *cobra.Command {
	c := &backupCreate{backups: b}
	cmd := &cobra.Command{
		Use: "create PLACE", Short: "Take a backup of a member's state, or of chains", Args: cli.ExactArgs(1),
		Example: `  bpsc backup create --from http://127.0.0.1:5000 /srv/backup
  bpsc backup create --from http://127.0.0.1:5001 --chains --incremental /srv/backup`,
		Long: "Take a backup into a folder, s3://bucket/prefix, or - for standard output.\n\n" +
			"Without more it is of all that the member at --from has, while that serves: its state is what a\n" +
			"cluster is restored from as it was. That is the operator's to ask for: on the member's machine, or\n" +
			"with the secret. With --chain or --chains it is of the blocks of chains up to their newest\n" +
			"checkpoint, from any member or follower, which anybody may ask for; --incremental takes those since\n" +
			"the newest backup in PLACE. A follower has chains only, so of one that is what is taken.\n\n" +
			"What arrives is checked as it comes; `bpsc backup verify` verifies what it says. --timeout is how\n" +
			"long the node may pause.",
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&c.from, "from", "", "URL or host:port of the node (default: the first of "+cli.EnvPrefix+"SERVER, else the context's, else "+cli.DefaultServer+")")
	f.StringVar(&c.secretFile, "operator-secret-file", "", "file with the operator's secret, where the member asks for it ("+cli.SecretVariable+" has the secret itself)")
	f.BoolVar(&c.insecure, "insecure-token", false, "send the secret over plain HTTP to another machine too, where everybody on the way can read it")
	f.StringSliceVar(&c.tokens, "chain", nil, "copy the blocks of this contract's chain; may be repeated")
	f.BoolVar(&c.chains, "chains", false, "copy the blocks of all chains")
	f.BoolVar(&c.incremental, "incremental", false, "of a chain, only what is not in PLACE yet")
	f.DurationVar(&c.Timeout, "timeout", 30*time.Second, "give up when nothing comes for this long")
	return cmd
}

func (c *backupCreate) run(cmd *cobra.Command, target string) (err error) {
	if target != "-" {
		if c.place, err = c.backups.place(target); err != nil {
			return err
		}
	}
	byBlocks := c.chains || len(c.tokens) > 0
	switch {
	case c.chains && len(c.tokens) > 0:
		return cli.ArgError("one of --chain and --chains, please")
	case c.incremental && c.place == nil:
		return cli.ArgError("--incremental needs a place in which the backup before is")
	case c.place == nil && (c.chains || len(c.tokens) > 1):
		return cli.ArgError("standard output has room for one backup: name one with --chain")
	}
	if err = c.Choose(cmd); err != nil {
		return err
	}
	c.from = cmp.Or(c.from, c.Servers[0])
	if c.client, err = c.Reach("from", c.from); err != nil {
		return err
	}
	c.client.Pause = c.Timeout
	c.client.Insecure = c.client.Insecure || c.insecure
	if !byBlocks && !c.incremental {
		var p *client.Problem
		if err = c.state(cmd); errors.As(err, &p) && p.Code == "not_here" && c.place != nil {
			_, _ = fmt.Fprintln(cmd.ErrOrStderr(), "this is a follower: its chains are copied")
			err, byBlocks = nil, true
		}
	}
	if err == nil && (byBlocks || c.incremental) {
		err = c.blocks(cmd)
	}
	if err != nil {
		return err
	}
	return c.tell(cmd)
}

// put writes one archive to where it goes.
func (c *backupCreate) put(cmd *cobra.Command, name string, write func(out io.Writer) (backup.Manifest, error)) error {
	if c.place == nil {
		_, err := write(cmd.OutOrStdout())
		return err
	}
	size := new(tally)
	m, err := backup.PutStream(cmd.Context(), c.place, name, func(out io.Writer) (backup.Manifest, error) {
		return write(io.MultiWriter(out, size))
	})
	if err == nil {
		e := backup.Entry{Name: name, Size: int64(*size), Manifest: m}
		c.made = append(c.made, newListed(&e))
	}
	return err
}

// tally counts what is written.
type tally int64

// Write implements io.Writer.
func (t *tally) Write(p []byte) (int, error) {
	*t += tally(len(p))
	return len(p), nil
}

// state takes a member's state. It is read while it is written: what was cut off or
// changed on the way is no backup.
func (c *backupCreate) state(cmd *cobra.Command) error {
	if err := c.Operator(c.client, c.secretFile); err != nil {
		return err
	}
	return c.client.Backup(cmd.Context(), func(archive io.Reader) error {
		return c.put(cmd, backup.StateName(time.Now()), func(out io.Writer) (backup.Manifest, error) {
			return backup.Read(io.TeeReader(archive, out), func(backup.Begin, string, int64, io.Reader) error { return cmd.Context().Err() })
		})
	})
}

// blocks copies chains.
func (c *backupCreate) blocks(cmd *cobra.Command) error {
	if len(c.tokens) == 0 {
		ctx, cancel := context.WithTimeout(cmd.Context(), c.Timeout)
		defer cancel()
		contracts, err := backup.Contracts(ctx, c.client)
		if err != nil {
			return err
		}
		for _, contract := range contracts {
			c.tokens = append(c.tokens, contract.Token)
		}
	}
	var there []backup.Entry
	if c.incremental {
		var err error
		if there, err = backup.List(cmd.Context(), c.place, false); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	for _, token := range c.tokens {
		if err := c.chain(cmd, token, there); err != nil {
			return err
		}
	}
	return nil
}

func (c *backupCreate) chain(cmd *cobra.Command, token string, there []backup.Entry) error {
	var before *backup.Manifest
	if last, ok := backup.LastOf(there, token); ok {
		before = &last.Manifest
	}
	taken := time.Now()
	copied, err := backup.BeginCopy(cmd.Context(), c.client, token, before, backup.Begin{By: c.from, Version: release.Version, Taken: taken})
	if errors.Is(err, backup.ErrNothingNew) {
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v\n", token, err)
		return nil
	}
	if err != nil {
		return err
	}
	progress := cli.NewProgress("", "copied")
	defer progress.End()
	return c.put(cmd, backup.ChainName(copied.Range(), taken), func(out io.Writer) (backup.Manifest, error) {
		w, err := backup.NewWriter(out, copied.Begin())
		if err != nil {
			return backup.Manifest{}, err
		}
		return copied.Write(cmd.Context(), w, progress.At)
	})
}

// tell says what was made; of standard output there is nothing to say.
func (c *backupCreate) tell(cmd *cobra.Command) error {
	if c.place == nil {
		return nil
	}
	text := ""
	for _, l := range c.made {
		text += fmt.Sprintf("%s: %d bytes, %s; its digest is %s\n", l.Name, l.Bytes, l.chains(), l.Manifest.Digest)
	}
	return c.Say(cmd.OutOrStdout(), append([]listed{}, c.made...), text)
}
