package backup

import (
	"bufio"

	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Series is a chain in backups of its blocks, each going on from the one before. It
// is an audit.Source, whose checkpoint is that of the last.
type Series struct {
	parts []part
	last  copied // what stands beside the blocks of the last that was read
}

// copied is what stands beside the blocks.
type copied struct{ checkpoint, policy []byte }

// part is one backup of a series.
type part struct {
	name string
	is   Manifest // zero where it is known only once it was read
	open func(ctx context.Context) (io.ReadCloser, error)
}

var _ audit.Source = (*Series)(nil)

// OpenSeries is the series of those entries, oldest first.
func OpenSeries(p Place, entries []Entry) *Series {
	s := &Series{}
	for _, e := range entries {
		s.parts = append(s.parts, part{e.Name, e.Manifest, func(ctx context.Context) (io.ReadCloser, error) { return p.Open(ctx, e.Name) }})
	}
	return s
}

// OneOf is the series of one archive that has all blocks, read once.
func OneOf(name string, archive io.Reader) *Series {
	return &Series{parts: []part{{name: name, open: func(context.Context) (io.ReadCloser, error) { return io.NopCloser(archive), nil }}}}
}

// Last is what the last backup says; known once the blocks have been read.
func (s *Series) Last() *Manifest { return &s.parts[len(s.parts)-1].is }

// Checkpoint is the signed note of the last backup; known once the blocks have been read.
func (s *Series) Checkpoint() []byte { return s.last.checkpoint }

// Members are those whose signatures counted, as far as the node that was copied said.
func (s *Series) Members() (names []string) {
	policy, err := proof.ParsePolicy(s.last.policy)
	if err != nil {
		return nil
	}
	for _, m := range policy.Members() {
		names = append(names, m.Name)
	}
	return names
}

// Chain implements audit.Source.
func (s *Series) Chain(context.Context) (audit.Chain, error) {
	c := audit.Chain{Sealed: true}
	if last := s.Last(); len(last.Chains) > 0 {
		c.Token, c.Length = last.Chains[0].Token, last.Chains[0].Length
	}
	return c, nil
}

// Blocks implements audit.Source.
func (s *Series) Blocks(ctx context.Context, block func(canonical []byte) error) (note []byte, err error) {
	next, before := uint64(1), chain.Hash{}
	for i := range s.parts {
		p := &s.parts[i]
		m, n, err := p.read(ctx, &next, block)
		if err != nil {
			if errors.Is(err, chain.ErrInvalid) && len(s.parts) > 1 {
				err = &found{p.name, err}
			}
			return nil, err
		}
		switch is := &m.Chains[0]; {
		case m.Before != before:
			return nil, invalid(ErrGap, "%s goes on from backup %s, and not from %s", p.name, m.Before, before)
		case is.Length != next-1:
			return nil, damaged("%s: it ends with block %d, and says %d", p.name, next-1, is.Length)
		case p.is.Format != 0 && p.is.Digest != m.Digest:
			return nil, damaged("%s: it has changed since it was looked at", p.name)
		}
		p.is, before, s.last = m, m.Digest, n
	}
	return s.last.checkpoint, nil
}

// read reads one backup.
func (p *part) read(ctx context.Context, next *uint64, block func([]byte) error) (m Manifest, beside copied, err error) {
	archive, err := p.open(ctx)
	if err != nil {
		return m, beside, err
	}
	defer archive.Close()
	m, err = Read(archive, func(b Begin, name string, size int64, content io.Reader) error {
		switch {
		case b.Kind != Chain:
			return errors.New("it has a state, and no blocks of a chain alone")
		case size > max(proof.MaxNoteBytes, proof.MaxPolicyBytes, piece+chain.MaxBlockBytes):
			return damaged("%s of %d bytes", name, size)
		case name == checkpointFile:
			var err error
			beside.checkpoint, err = io.ReadAll(content)
			return err
		case name == policyFile:
			var err error
			beside.policy, err = io.ReadAll(content)
			return err
		case name != pieceName(*next):
			return damaged("it has %s where block %d has to come", name, *next)
		}
		return eachLine(content, func(line []byte) error {
			*next++
			return block(line)
		})
	})
	if err == nil && beside.checkpoint == nil {
		err = damaged("it has no checkpoint")
	}
	return m, beside, err
}

func pieceName(first uint64) string { return fmt.Sprintf("%s/%012d.ndjson", blocksFolder, first) }

// eachLine reads lines, none longer than a block may be.
func eachLine(content io.Reader, line func([]byte) error) error {
	lines := bufio.NewScanner(content)
	lines.Buffer(make([]byte, 64<<10), chain.MaxBlockBytes+1)
	for lines.Scan() {
		if err := line(lines.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return damaged("a line of it is longer than any block")
	}
	return lines.Err()
}

// VerifySeries verifies a chain from its first block, as audit.Verify does, and that
// the last backup says of it what it comes to.
func VerifySeries(ctx context.Context, s *Series, o audit.Options) (audit.Report, error) {
	report, err := audit.Verify(ctx, s, o)
	if err != nil {
		return report, err
	}
	is := s.Last().Chains[0]
	root := report.Checkpoint
	if is.Token != report.Token || is.ID != report.ChainID || is.Tip != report.Tip || root == nil || is.Root != root.Root {
		return report, damaged("the manifest says that %s ends with block %d, %s; that is block %d, %s", is.Token, is.Length, is.Tip, report.Blocks, report.Tip)
	}
	if tree := chain.ResumeRoot(is.Length, slices.Clone(is.Edge)); tree.Root() != is.Root {
		return report, damaged("the manifest has an edge that is not its root's")
	}
	return report, nil
}
