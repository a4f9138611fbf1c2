package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/store"
)

// errCopied: what is wrong with a copy may be the copying.
var errCopied = errors.New("this is a copy of the folder of a node that ran, or had been killed")

// stoppedNode is what a node that does not run has on disk.
type stoppedNode struct {
	dir    string
	folder *datafolder.Folder
	left   datafolder.Left
	store  *store.Store
}

// verifyData checks what a stopped node has on disk: each chain, and that the
// accounts and the log of headers beside it are what its blocks come to.
func (v *verifier) verifyData(cmd *cobra.Command) (err error) {
	n, err := openStopped(v.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(n.judge(err), n.close()) }()
	var audits []*audit
	for _, info := range n.store.Contracts() {
		if v.contract != "" && v.contract != info.Contract.Token {
			continue
		}
		a, err := v.auditStored(cmd, n.store, &info)
		if err != nil {
			return fmt.Errorf("%s: %w", info.Contract.Token, err)
		}
		audits = append(audits, a)
	}
	switch {
	case len(audits) > 0 && n.left == datafolder.Copied:
		_, _ = fmt.Fprintf(cmd.ErrOrStderr(), "%s: %v; what follows is true of this copy, which may end before the node's chain does\n", n.dir, errCopied)
	case len(audits) == 0 && n.left == datafolder.Stopped:
		return fmt.Errorf("%w: there is no such chain in %s", chain.ContractUnknown, n.dir)
	case len(audits) == 0:
		return fmt.Errorf("%s has no such chain on disk, and its node did not stop in order: what a member has not flushed is in its raft log; start the node, and stop it, or verify it by --server", n.dir)
	}
	return v.report(cmd.OutOrStdout(), audits...)
}

// openStopped opens the store of a node that does not run, to read only, and
// keeps one from being started meanwhile. A folder without a store stays without.
func openStopped(dir string) (n *stoppedNode, err error) {
	n = &stoppedNode{dir: dir}
	state := filepath.Join(dir, "state")
	if _, err := os.Stat(filepath.Join(state, "CURRENT")); err != nil {
		return nil, fmt.Errorf("%s is not the data folder of a node: %w", dir, err)
	}
	if n.folder, err = datafolder.Take(dir); err != nil {
		return nil, fmt.Errorf("%w: stop the node first, or verify it by --server", err)
	}
	if n.left, err = n.folder.Left(); err != nil {
		return nil, errors.Join(err, n.close())
	}
	_, notMember := os.Stat(filepath.Join(dir, "raft")) // only a member has that log; a follower's store keeps its own
	n.store, err = store.Open(store.Config{Dir: state, Log: notMember != nil, ReadOnly: true,
		Logger: slog.New(slog.DiscardHandler), Fatal: n.end})
	if err != nil {
		return nil, errors.Join(n.judge(err), n.close())
	}
	return n, nil
}

// judge says what is to be thought of something that does not verify.
func (n *stoppedNode) judge(found error) error {
	damage := errors.Is(found, store.ErrDamaged)
	switch {
	case n.left == datafolder.Copied && (damage || errors.Is(found, chain.ErrInvalid)):
		// Not %w: it is not proven that the chain does not verify.
		return fmt.Errorf("%s: %w, and its files do not fit together; that says nothing about the node. Copy the folder of a stopped node, or verify it by --server or an export (%v)", n.dir, errCopied, found)
	case damage:
		return doesNotVerify(found)
	}
	return found
}

// end ends the process where the store finds, while it is read, that its files
// are damaged.
func (n *stoppedNode) end(found error) {
	err := n.judge(found)
	fmt.Fprintln(os.Stderr, "bpsc:", err)
	os.Exit(exitCode(err))
}

func (n *stoppedNode) close() error {
	var err error
	if n.store != nil {
		err = n.store.Close()
	}
	return errors.Join(err, n.folder.Release())
}

func (v *verifier) auditStored(cmd *cobra.Command, s *store.Store, info *chain.Info) (*audit, error) {
	claim, err := v.storedClaim(s, info)
	if err != nil {
		return nil, err
	}
	token := info.Contract.Token
	a := newAudit(claim)
	log := storedLog{stored: s.LogHashes(token)}
	progress := newProgress(token, info.Length, "verified")
	defer progress.end()
	err = s.Blocks(token, 1, 0, func(index uint64, canonical []byte) error {
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if _, err := a.next(canonical); err != nil {
			return err
		}
		progress.at(index)
		return log.next(chain.Hash(tlog.RecordHash(a.leaf)))
	})
	if err != nil {
		return nil, err
	}
	return a, a.Compare(s)
}

// keptNote is a checkpoint that a node has kept, and how many words make it up.
type keptNote struct {
	note  []byte
	words int
}

// storedClaim is the newest checkpoint that the policy takes, or without one
// that of the most words, of those the node has kept.
func (v *verifier) storedClaim(s *store.Store, info *chain.Info) (*claim, error) {
	kept, err := v.keptNotes(s, info)
	switch {
	case err != nil:
		return nil, err
	case len(kept) == 0:
		return v.claimOf(nil)
	case v.policy == nil:
		most := slices.MaxFunc(kept, func(a, b keptNote) int { return a.words - b.words })
		return newClaim(most.note, nil)
	}
	var refused error // why the policy does not take the newest
	for _, k := range kept {
		c, err := newClaim(k.note, v.policy)
		if err == nil {
			return c, nil
		}
		if refused == nil {
			refused = err
		}
	}
	return nil, refused
}

// keptNotes are the checkpoints on a node's disk, the newest first: a follower
// has a file of the one it verified, a member what all members have said.
func (v *verifier) keptNotes(s *store.Store, info *chain.Info) (kept []keptNote, err error) {
	token := info.Contract.Token
	file := filepath.Join(v.data, "checkpoints", token+".checkpoint")
	switch note, err := readBounded(file, proof.MaxNoteBytes); {
	case err == nil:
		kept = append(kept, keptNote{note: note})
	case !errors.Is(err, os.ErrNotExist):
		return nil, err
	}
	said, _, err := s.Attestations(token)
	if err != nil {
		return nil, err
	}
	for _, words := range attest.Agreements(said) {
		note, _, err := attest.Note(info, words)
		if err != nil {
			return nil, doesNotVerify(err)
		}
		kept = append(kept, keptNote{note, len(words)})
	}
	return kept, nil
}

// storedLog holds the stored log of headers against the blocks, node by node.
type storedLog struct {
	stored tlog.HashReader
	size   int64
}

func (l *storedLog) next(leaf chain.Hash) error {
	// What this reads of the log has been compared with the blocks before.
	want, err := tlog.StoredHashesForRecordHash(l.size, tlog.Hash(leaf), l.stored)
	if err != nil {
		return err
	}
	indexes := make([]int64, len(want))
	for i := range indexes {
		indexes[i] = tlog.StoredHashIndex(0, l.size) + int64(i)
	}
	got, err := l.stored.ReadHashes(indexes)
	if err != nil && !errors.Is(err, chain.NotFound) {
		return err
	}
	l.size++
	for i := range want {
		if err != nil || got[i] != want[i] {
			return doesNotVerify(fmt.Errorf("block %d: %w: the stored log of headers has another node %d", l.size, proof.ErrLeafPath, indexes[i]))
		}
	}
	return nil
}
