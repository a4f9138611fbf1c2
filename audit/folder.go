package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/store"
)

// ErrCopied: what is wrong with a copy may be the copying.
var ErrCopied = errors.New("this is a copy of the folder of a node that ran, or had been killed")

// Folder is the data folder of a member or a follower that does not run. It is
// read only, and no node can be started on it while it is open.
type Folder struct {
	dir   string
	lock  *datafolder.Folder
	left  datafolder.Left
	store *store.Store
}

// OpenFolder opens the folder of a node that does not run; of one that does the
// error is datafolder.ErrInUse. fatal is called where a file turns out damaged
// while it is read, and has to end the process; nil panics.
func OpenFolder(dir string, fatal func(error)) (f *Folder, err error) {
	f = &Folder{dir: dir}
	state := filepath.Join(dir, "state")
	if _, err := os.Stat(filepath.Join(state, "CURRENT")); err != nil {
		return nil, fmt.Errorf("%s is not the data folder of a node: %w", dir, err)
	}
	if f.lock, err = datafolder.Take(dir); err != nil {
		return nil, err
	}
	if f.left, err = f.lock.Left(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	cfg := store.Config{Dir: state, ReadOnly: true, Logger: slog.New(slog.DiscardHandler)}
	if fatal != nil {
		cfg.Fatal = func(found error) { fatal(f.judge(found, "")) }
	}
	_, notMember := os.Stat(filepath.Join(dir, "raft")) // only a member has that log; a follower's store keeps its own
	cfg.Log = notMember != nil
	if f.store, err = store.Open(cfg); err != nil {
		return nil, errors.Join(f.judge(err, ""), f.Close())
	}
	return f, nil
}

// Copied tells whether this is a copy of the folder of a node that ran. What
// verifies in it is true of the copy, which may end before the node's chain does.
func (f *Folder) Copied() bool { return f.left == datafolder.Copied }

// Chains are the chains in the folder; with a token, that one.
func (f *Folder) Chains(token string) ([]*Stored, error) {
	var list []*Stored
	for _, info := range f.store.Contracts() {
		if token == "" || token == info.Contract.Token {
			list = append(list, &Stored{f, info})
		}
	}
	switch {
	case len(list) > 0:
		return list, nil
	case f.left == datafolder.Stopped:
		return nil, fmt.Errorf("%w: there is no such chain in %s", chain.ContractUnknown, f.dir)
	}
	return nil, fmt.Errorf("%s has no such chain on disk, and its node did not stop in order: what a member has not flushed is in its raft log; start the node, and stop it, or verify it by --server", f.dir)
}

// Close gives the folder back.
func (f *Folder) Close() error {
	var err error
	if f.store != nil {
		err = f.store.Close()
	}
	return errors.Join(err, f.lock.Release())
}

// judge says what is to be thought of something that does not verify.
func (f *Folder) judge(found error, in string) error {
	damage := errors.Is(found, store.ErrDamaged)
	switch {
	case f.Copied() && (damage || errors.Is(found, chain.ErrInvalid)):
		// Not %w: it is not proven that the chain does not verify.
		return fmt.Errorf("%s: %w, and its files do not fit together; that says nothing about the node. Copy the folder of a stopped node, or verify it by --server or an export (%s)", f.dir, ErrCopied, in+found.Error())
	case damage:
		return Invalid(found)
	}
	return found
}

// Stored is a chain in a folder.
type Stored struct {
	folder *Folder
	info   chain.Info
}

// Token is that of the chain's contract.
func (s *Stored) Token() string { return s.info.Contract.Token }

// Chain reads the checkpoints on a node's disk, the newest first: a follower has
// a file of the one it verified, a member what all members have said.
func (s *Stored) Chain(context.Context) (Chain, error) {
	c := Chain{Token: s.Token(), Length: s.info.Length, Stored: s.folder.store}
	note, err := readNote(filepath.Join(s.folder.dir, "checkpoints", s.Token()+".checkpoint"))
	switch {
	case err == nil:
		c.Notes = append(c.Notes, note)
	case !errors.Is(err, os.ErrNotExist):
		return c, err
	}
	said, _, err := s.folder.store.Attestations(s.Token())
	if err != nil {
		return c, err
	}
	for _, group := range attest.Agreements(said) {
		note, _, err := attest.Note(&s.info, group)
		if err != nil {
			return c, Invalid(err)
		}
		c.Notes = append(c.Notes, note)
	}
	return c, nil
}

// readNote reads one byte more than a note may have, for whoever parses it to
// say so.
func readNote(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, proof.MaxNoteBytes+1))
}

// Blocks reads the stored blocks.
func (s *Stored) Blocks(_ context.Context, block func(canonical []byte) error) (note []byte, err error) {
	return nil, s.folder.store.Blocks(s.Token(), 1, 0, func(_ uint64, canonical []byte) error { return block(canonical) })
}

// Judge takes into account how the folder was left.
func (s *Stored) Judge(found error) error { return s.folder.judge(found, s.Token()+": ") }
