package cluster

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"

	"github.com/bpsc/bpsc/internal/durable"
)

// The data directory.
const (
	lockFile     = "lock"
	identityFile = "identity.json"
	voteFile     = "vote.json"
	logFile      = "raft.db"
	snapshotsDir = "snapshots"

	identityFormat = 2
)

// dataFiles are what a directory has once its first start is complete.
func dataFiles() []string { return []string{logFile, voteFile, snapshotsDir, startsFile, memoryFile} }

// identity says whose directory it is. It is written before anything else, and
// again when the first start is complete: then, and only then, all other files
// must be there.
type identity struct {
	Format  int    `json:"format"`
	Member  string `json:"member"`
	Cluster string `json:"cluster"`
	Ready   bool   `json:"ready"`
}

// clusterID tells clusters apart: it is derived from the members, so two
// clusters that reuse each other's ports do not mix.
func clusterID(peers []Peer) string {
	h := sha256.New()
	for _, p := range sortedPeers(peers) {
		fmt.Fprintf(h, "%q=%q\n", p.ID, p.Addr)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// sortedPeers is the list in an order that does not depend on who wrote it down.
func sortedPeers(peers []Peer) []Peer {
	return slices.SortedFunc(slices.Values(peers), func(a, b Peer) int { return cmp.Compare(a.ID, b.ID) })
}

// lockDir makes the directory and takes it for this process.
func lockDir(dir string) (*flock.Flock, error) {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("cluster: data directory: %w", err)
	}
	lock := flock.New(filepath.Join(dir, lockFile))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("cluster: locking %s: %w", lock.Path(), err)
	}
	if !ok {
		return nil, fmt.Errorf("cluster: %w: %s is locked; stop the other process, or give this one a directory of its own",
			ErrLocked, lock.Path())
	}
	return lock, nil
}

// checkIdentity makes sure that the directory is this member's and complete. It
// reports whether this is a first start, then with nothing but the identity in
// the directory.
func checkIdentity(cfg Config) (fresh bool, err error) {
	path := filepath.Join(cfg.Dir, identityFile)
	want := identity{Format: identityFormat, Member: cfg.ID, Cluster: clusterID(cfg.Peers)}
	var got identity
	switch err := durable.ReadSealed(path, &got); {
	case errors.Is(err, fs.ErrNotExist):
		if err := checkEmpty(cfg.Dir); err != nil {
			return false, err
		}
		return true, durable.WriteSealed(path, want)
	case err != nil:
		return false, damaged(path, err)
	}
	if err := got.match(want, cfg.Dir); err != nil {
		return false, err
	}
	if err := checkUsable(cfg.Dir); err != nil {
		return false, err
	}
	if got.Ready {
		return false, checkComplete(cfg.Dir)
	}
	// The first start was interrupted before raft ran, so whatever it left
	// behind means nothing.
	return true, clearDir(cfg.Dir)
}

func (got identity) match(want identity, dir string) error {
	switch {
	case got.Format != want.Format:
		return fmt.Errorf("cluster: %s has format %d, this binary knows %d: use the binary that wrote it, or a newer one",
			dir, got.Format, want.Format)
	case got.Member != want.Member:
		return fmt.Errorf("cluster: %w: %s belongs to member %q, this one is %q: correct the member's id or its data directory",
			ErrMismatch, dir, got.Member, want.Member)
	case got.Cluster != want.Cluster:
		return fmt.Errorf("cluster: %w: the list of peers differs from the one with which %s was created: "+
			"correct the list, which is the same on every member and fixed, or use an empty directory for a new cluster",
			ErrMismatch, dir)
	}
	return nil
}

// setReady marks the first start as complete.
func setReady(cfg Config) error {
	return durable.WriteSealed(filepath.Join(cfg.Dir, identityFile), identity{
		Format: identityFormat, Member: cfg.ID, Cluster: clusterID(cfg.Peers), Ready: true,
	})
}

// checkEmpty refuses a directory that lost its identity but not its data.
func checkEmpty(dir string) error {
	for _, name := range dataFiles() {
		there, err := durable.Exists(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if there {
			return damaged(filepath.Join(dir, identityFile), fmt.Errorf("it is missing, though there is %s", name))
		}
	}
	return nil
}

// checkComplete refuses a directory that lost part of its data.
func checkComplete(dir string) error {
	for _, name := range dataFiles() {
		there, err := durable.Exists(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		if !there {
			return damaged(filepath.Join(dir, name), errors.New("it is missing"))
		}
	}
	return nil
}

func clearDir(dir string) error {
	for _, name := range dataFiles() {
		if err := durable.RemoveAll(filepath.Join(dir, name)); err != nil {
			return fmt.Errorf("cluster: clearing an interrupted first start: %w", err)
		}
	}
	return nil
}

// damaged says what is wrong with which file. Where the operating system does
// not let us look, nothing is known to be wrong with the file.
func damaged(path string, err error) error {
	if errors.Is(err, ErrDamaged) {
		return err // it says so already
	}
	if _, system := durable.Advice(err); system || errors.Is(err, ErrLocked) {
		return fmt.Errorf("cluster: %s: %w", path, err)
	}
	return fmt.Errorf("cluster: %w: %s: %w; leave the directory as it is: a member that forgot its votes or its log "+
		"must not vote again under the old id, and the other members have the data", ErrDamaged, path, err)
}
