package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store"
)

// verifyData checks what a stopped node has on disk: each chain, and that the
// accounts and the log of headers beside it are what its blocks come to.
func (v *verifier) verifyData(cmd *cobra.Command) (err error) {
	s, closeStore, err := openStopped(v.data)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeStore()) }()
	var audits []*audit
	for _, info := range s.Contracts() {
		if v.contract != "" && v.contract != info.Contract.Token {
			continue
		}
		a, err := v.auditStored(cmd, s, &info)
		if err != nil {
			return fmt.Errorf("%s: %w", info.Contract.Token, err)
		}
		audits = append(audits, a)
	}
	if len(audits) == 0 {
		return fmt.Errorf("%w: there is no such chain in %s", chain.ContractUnknown, v.data)
	}
	return v.report(cmd.OutOrStdout(), audits...)
}

// openStopped opens the store of a node that does not run, and keeps one from
// being started meanwhile. A folder without a store stays without.
func openStopped(dir string) (*store.Store, func() error, error) {
	state := filepath.Join(dir, "state")
	if _, err := os.Stat(filepath.Join(state, "CURRENT")); err != nil {
		return nil, nil, fmt.Errorf("%s is not the data folder of a node: %w", dir, err)
	}
	lock := flock.New(filepath.Join(dir, "LOCK"))
	if ok, err := lock.TryLock(); err != nil {
		return nil, nil, err
	} else if !ok {
		return nil, nil, fmt.Errorf("another process uses %s: stop it first, or verify it by --server", dir)
	}
	_, notMember := os.Stat(filepath.Join(dir, "raft")) // only a member has that log; a follower's store keeps its own
	s, err := store.Open(store.Config{Dir: state, Log: notMember != nil, Logger: slog.New(slog.DiscardHandler), Fatal: damagedOnDisk})
	if errors.Is(err, store.ErrDamaged) {
		err = doesNotVerify(err)
	}
	if err != nil {
		return nil, nil, errors.Join(err, lock.Close())
	}
	return s, func() error { return errors.Join(s.Close(), lock.Close()) }, nil
}

// damagedOnDisk ends the process where the store finds, while it is read, that
// its files are damaged.
func damagedOnDisk(err error) {
	fmt.Fprintln(os.Stderr, "bpsc:", printable(err.Error()))
	os.Exit(exitDoesNotVerify)
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
