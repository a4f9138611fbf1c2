package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
)

// tipPatience is how long to wait for a checkpoint that covers the newest block,
// before an older one will do.
const tipPatience = 3 * time.Second

func newExportCommand(o *clientOptions) *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "export --file F.ndjson.zst", Short: "Write a chain and its checkpoint to a file", Args: exactArgs(0),
		Long: "Write all blocks up to the newest checkpoint, and the checkpoint, to a file (- is standard\n" +
			"output): zstd over one canonical block a line, at last {\"checkpoint\": …}. `bpsc chain verify\n" +
			"--file` checks it, without a network. --timeout is how long the download may pause.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return argError("--file is needed; - is standard output")
			}
			c, err := o.client()
			if err != nil {
				return err
			}
			e := &exporter{client: c, contract: o.contract, timeout: o.timeout}
			err = writeFile(file, cmd.OutOrStdout(), func(w io.Writer) error { return e.run(cmd.Context(), w) })
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %d blocks and their checkpoint exported\n", e.contract, e.claim.Size)
			return err
		},
	}
	cmd.Flags().StringVar(&file, "file", "", "where to write")
	return cmd
}

// exporter copies a chain up to its newest checkpoint. It holds one block at a
// time.
type exporter struct {
	client   *client.Client
	contract string
	timeout  time.Duration
	claim    *claim
}

// errEnough ends a download early.
var errEnough = errors.New("enough")

func (e *exporter) run(ctx context.Context, w io.Writer) error {
	ctx, s, cancel := whileMoving(ctx, e.timeout)
	defer cancel()
	info, note, err := newestCheckpoint(ctx, e.client, e.contract, e.timeout/2)
	if err != nil {
		return s.explain(err)
	}
	if note == nil {
		return fmt.Errorf("%w: the members have signed no checkpoint of this chain yet", client.ErrUnavailable)
	}
	if e.claim, err = newClaim(note, nil); err != nil {
		return err
	}
	e.contract = info.Contract.Token
	out, err := newExportWriter(w)
	if err != nil {
		return err
	}
	if err := e.blocks(ctx, s, out); err != nil {
		return s.explain(err)
	}
	return out.finish(note)
}

// blocks copies the blocks, and checks that they are those of the checkpoint:
// nobody should keep a file that cannot verify.
func (e *exporter) blocks(ctx context.Context, s *stall, out *exportWriter) error {
	var log chain.RootBuilder
	progress := newProgress(e.contract, e.claim.Size, "exported")
	defer progress.end()
	count := uint64(0)
	err := e.client.Blocks(ctx, e.contract, 1, 0, func(canonical []byte) error {
		s.moved()
		leaf, err := proof.LeafOfBlock(canonical, chain.HashBytes(canonical))
		if err != nil || leaf.Index != count+1 {
			return doesNotVerify(fmt.Errorf("block %d: the server sent something else: %w", count+1, errors.Join(proof.ErrLeaf, err)))
		}
		log.Add(proof.AppendLeaf(nil, &leaf))
		if err := out.line(canonical); err != nil {
			return err
		}
		count++
		progress.at(count)
		if count == e.claim.Size {
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return err
	case count < e.claim.Size:
		return fmt.Errorf("%w: the checkpoint is of %d blocks, and %d were served", client.ErrUnavailable, e.claim.Size, count)
	case log.Root() != e.claim.Root:
		return doesNotVerify(fmt.Errorf("%w: these blocks do not have the checkpoint's root", proof.ErrInconsistent))
	}
	return nil
}

// newestCheckpoint returns a contract with its newest checkpoint; nil where
// there is none. One that covers all there is now is worth a wait.
func newestCheckpoint(ctx context.Context, c *client.Client, contract string, patience time.Duration) (client.ContractInfo, []byte, error) {
	info, err := c.Contract(ctx, contract)
	if err != nil {
		return info, nil, err
	}
	note, err := c.Checkpoint(ctx, info.Contract.Token, 0)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == 404 {
		return info, nil, nil
	}
	if err != nil {
		return info, nil, err
	}
	if have, err := proof.ReadCheckpoint(note); err != nil || have.Size >= info.Length {
		return info, note, nil // whoever asked finds out what is wrong with it
	}
	patient, cancel := context.WithTimeout(ctx, min(patience, tipPatience))
	defer cancel()
	if newer, err := c.Checkpoint(patient, info.Contract.Token, info.Length); err == nil {
		note = newer
	}
	return info, note, ctx.Err()
}
