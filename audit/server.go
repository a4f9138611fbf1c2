package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
)

// tipPatience is how long to wait for a checkpoint that covers the newest block,
// before an older one will do.
const tipPatience = 3 * time.Second

// defaultPatience is how long to wait for the answers before the blocks.
const defaultPatience = 10 * time.Second

// Server is a chain as members or followers serve it. Where they do not answer,
// or a download pauses for longer than Client.Pause, the error wraps
// client.ErrUnavailable.
type Server struct {
	Client *client.Client
	Token  string // of the contract; "" is the cluster's first, until it is known
}

// Chain asks for the newest checkpoint. One that covers all there is now is
// worth a wait.
func (s *Server) Chain(ctx context.Context) (Chain, error) {
	patience := cmp.Or(s.Client.Pause, defaultPatience)
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	info, err := s.Client.Contract(ctx, s.Token)
	if err != nil {
		return Chain{}, err
	}
	s.Token = info.Contract.Token
	c := Chain{Token: s.Token, Length: info.Length}
	note, err := s.Client.Checkpoint(ctx, s.Token, 0)
	var p *client.Problem
	if errors.As(err, &p) && p.Status == 404 {
		return c, nil
	}
	if err != nil {
		return c, err
	}
	c.Notes = [][]byte{note}
	if have, err := proof.ReadCheckpoint(note); err != nil || have.Size >= info.Length {
		return c, nil // whoever asked finds out what is wrong with it
	}
	patient, cancel := context.WithTimeout(ctx, min(patience/2, tipPatience))
	defer cancel()
	if newer, err := s.Client.Checkpoint(patient, s.Token, info.Length); err == nil {
		c.Notes[0] = newer
	}
	return c, nil
}

// Blocks downloads the blocks.
func (s *Server) Blocks(ctx context.Context, block func(canonical []byte) error) (note []byte, err error) {
	return nil, s.Client.Blocks(ctx, s.Token, 1, 0, block)
}

// errEnough ends a download early.
var errEnough = errors.New("enough")

// Export writes the chain up to its newest checkpoint, and that. It holds one
// block at a time, and checks that the blocks are those of the checkpoint, and no
// more: nobody should keep a file that cannot verify. It returns how many there
// are; progress may be nil.
func (s *Server) Export(ctx context.Context, w io.Writer, progress func(Progress)) (blocks uint64, err error) {
	c, err := s.Chain(ctx)
	if err != nil {
		return 0, err
	}
	if len(c.Notes) == 0 {
		return 0, fmt.Errorf("%w: the members have signed no checkpoint of this chain yet", client.ErrUnavailable)
	}
	claim, err := mostSigned(c.Notes)
	if err != nil {
		return 0, err
	}
	out, err := NewExportWriter(w)
	if err != nil {
		return 0, err
	}
	if err := s.export(ctx, out, claim, progress); err != nil {
		return 0, err
	}
	return claim.Size, out.Finish(c.Notes[0])
}

// export copies the blocks of a checkpoint.
func (s *Server) export(ctx context.Context, out *ExportWriter, claim *Checkpoint, progress func(Progress)) error {
	var log chain.RootBuilder
	count := uint64(0)
	_, err := s.Blocks(ctx, func(canonical []byte) error {
		leaf, err := proof.LeafOfBlock(canonical, chain.HashBytes(canonical))
		if err != nil || leaf.Index != count+1 {
			return invalid("block %d: the server sent something else: %w", count+1, errors.Join(proof.ErrLeaf, err))
		}
		log.Add(proof.AppendLeaf(nil, &leaf))
		if err := out.Block(canonical); err != nil {
			return err
		}
		count++
		if progress != nil {
			progress(Progress{s.Token, count, claim.Size})
		}
		if count == claim.Size {
			return errEnough
		}
		return nil
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return err
	case count < claim.Size:
		return fmt.Errorf("%w: the checkpoint is of %d blocks, and %d were served", client.ErrUnavailable, claim.Size, count)
	case log.Root() != claim.Root:
		return invalid("%w: these blocks do not have the checkpoint's root", proof.ErrInconsistent)
	}
	return nil
}
