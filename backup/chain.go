package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
)

// ErrNothingNew: there is no block after those that the backup before has.
var ErrNothingNew = errors.New("there is no block since the backup before")

// Copy is a backup of a chain in the making: of the blocks after those of another
// one, or all, up to the newest checkpoint. Anybody may take one from any member or
// follower: it is what they show to all.
type Copy struct {
	client *client.Client
	begin  Begin
	claim  proof.Checkpoint
	note   []byte
	policy []byte
	is     ChainRange
	before chain.Hash
	tree   chain.RootBuilder
}

// BeginCopy asks a node how its chain of a token stands, its first one when that is
// empty. With before, the copy goes on where that backup ends.
func BeginCopy(ctx context.Context, c *client.Client, token string, before *Manifest, b Begin) (*Copy, error) {
	server := &audit.Server{Client: c, Token: token}
	there, err := server.Chain(ctx)
	if err != nil {
		return nil, err
	}
	if len(there.Notes) == 0 {
		return nil, fmt.Errorf("%w: %s: the members have signed no checkpoint of this chain yet", client.ErrUnavailable, there.Token)
	}
	n := &Copy{client: c, begin: b, note: there.Notes[0], is: ChainRange{Token: there.Token, From: 1}}
	n.begin.Kind = Chain
	if n.claim, err = proof.ReadCheckpoint(n.note); err != nil {
		return nil, audit.Invalid(err)
	}
	if n.is.Length = n.claim.Size; n.is.Length == 0 {
		return nil, fmt.Errorf("%w: %s: the checkpoint is of no blocks", client.ErrUnavailable, n.is.Token)
	}
	if err := n.identify(ctx); err != nil {
		return nil, err
	}
	if before != nil {
		if err := n.goOn(before); err != nil {
			return nil, err
		}
	}
	n.policy, err = c.Policy(ctx, n.is.Token)
	if p := (*client.Problem)(nil); errors.As(err, &p) && p.Status == 404 {
		err = nil // it is for people, and may not be there yet
	}
	return n, err
}

// identify finds out which chain it is, and its place among the contracts.
func (n *Copy) identify(ctx context.Context) error {
	infos, err := Contracts(ctx, n.client)
	if err != nil {
		return err
	}
	for i, info := range infos {
		if info.Token == n.is.Token {
			n.is.ID, n.is.Number = info.ID, i
		}
	}
	if origin := proof.Origin(n.is.Token, n.is.ID); n.claim.Origin != origin {
		return invalid(ErrForeign, "the checkpoint is of %s, the contract's chain is %s", n.claim.Origin, origin)
	}
	return nil
}

// Contract is one that a node serves.
type Contract struct {
	Token string     `json:"token"`
	ID    chain.Hash `json:"chain_id"`
}

// Contracts are those of a node, in the order of their creation.
func Contracts(ctx context.Context, c *client.Client) ([]Contract, error) {
	answer, err := c.Get(ctx, "/v1/contracts")
	if err != nil {
		return nil, err
	}
	var list struct {
		Items []Contract `json:"items"`
	}
	if err := json.Unmarshal(answer, &list); err != nil {
		return nil, fmt.Errorf("backup: contracts: %w", err)
	}
	return list.Items, nil
}

// goOn lets the copy begin behind another backup.
func (n *Copy) goOn(before *Manifest) error {
	if before.Kind != Chain {
		return errors.New("backup: a chain's backup goes on from one of the chain")
	}
	last := &before.Chains[0]
	switch {
	case last.Token != n.is.Token || last.ID != n.is.ID:
		return invalid(ErrForeign, "the backup before is of chain %s of %s, this node has %s of %s", last.ID, last.Token, n.is.ID, n.is.Token)
	case n.claim.Size == last.Length && n.claim.Root != last.Root:
		return invalid(ErrForeign, "%s: up to block %d the checkpoint has root %s, the backup before has %s", last.Token, last.Length, n.claim.Root, last.Root)
	case n.claim.Size == last.Length:
		return ErrNothingNew
	case n.claim.Size < last.Length:
		return fmt.Errorf("%w: %s: the node has a checkpoint of %d blocks, the backup before has %d", client.ErrUnavailable, last.Token, n.claim.Size, last.Length)
	}
	n.is.From, n.is.Number, n.before = last.Length+1, last.Number, before.Digest
	n.tree = chain.ResumeRoot(last.Length, slices.Clone(last.Edge))
	return nil
}

// Range is what the copy is going to have.
func (n *Copy) Range() ChainRange { return n.is }

// errEnough ends a download.
var errEnough = errors.New("enough")

// Write writes the archive to w, whose kind and times BeginCopy was given. It holds
// some blocks at a time, and checks that they are those of the checkpoint: nobody
// should keep what cannot verify. progress may be nil.
func (n *Copy) Write(ctx context.Context, w *Writer, progress func(audit.Progress)) (Manifest, error) {
	p := &pieces{to: w}
	next := n.is.From
	err := n.client.Blocks(ctx, n.is.Token, next, n.is.Length-next+1, func(canonical []byte) error {
		if next > n.is.Length {
			return errEnough
		}
		leaf, err := proof.LeafOfBlock(canonical, chain.HashBytes(canonical))
		if err != nil || leaf.Index != next {
			return invalid(proof.ErrLeaf, "block %d: the node sent something else: %v", next, err)
		}
		n.tree.Add(proof.AppendLeaf(nil, &leaf))
		n.is.Tip, n.is.Time = leaf.Hash, leaf.Timestamp
		if next++; progress != nil {
			progress(audit.Progress{Token: n.is.Token, Blocks: leaf.Index, Total: n.is.Length})
		}
		return p.add(leaf.Index, canonical)
	})
	switch {
	case err != nil && !errors.Is(err, errEnough):
		return Manifest{}, err
	case next <= n.is.Length:
		return Manifest{}, fmt.Errorf("%w: the checkpoint is of %d blocks, and the node sent %d", client.ErrUnavailable, n.is.Length, next-1)
	case n.tree.Root() != n.claim.Root:
		return Manifest{}, invalid(proof.ErrInconsistent, "%s: these blocks do not have the checkpoint's root", n.is.Token)
	}
	if err := p.flush(); err != nil {
		return Manifest{}, err
	}
	for _, f := range []struct {
		name string
		text []byte
	}{{checkpointFile, n.note}, {policyFile, n.policy}} {
		if err := w.File(f.name, int64(len(f.text)), bytes.NewReader(f.text)); err != nil {
			return Manifest{}, err
		}
	}
	n.is.Root, n.is.Edge = n.claim.Root, n.tree.Subtrees()
	return w.Finish(Contents{Chains: []ChainRange{n.is}, Before: n.before})
}

// Begin is what the archive of the copy begins with.
func (n *Copy) Begin() Begin { return n.begin }

// pieces gathers blocks into files, each named by its first block.
type pieces struct {
	to    *Writer
	first uint64
	lines bytes.Buffer
}

func (p *pieces) add(index uint64, canonical []byte) error {
	if p.lines.Len()+len(canonical) > piece {
		if err := p.flush(); err != nil {
			return err
		}
	}
	if p.lines.Len() == 0 {
		p.first = index
	}
	p.lines.Write(canonical)
	p.lines.WriteByte('\n')
	return nil
}

func (p *pieces) flush() error {
	if p.lines.Len() == 0 {
		return nil
	}
	err := p.to.File(pieceName(p.first), int64(p.lines.Len()), &p.lines)
	p.lines.Reset()
	return err
}
