// Package folder is what a node keeps in its data folder beside its state and its
// log: the names of the files, whose folder it is, and the small files that both
// the node that runs on it and whoever mends it while none does have to read.
package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/keepsake"
)

// ErrUsage: the configuration cannot be, or is not for this folder or cluster.
var ErrUsage = errors.New("usage")

// What is in a folder. Of a member there are Raft and MemberKey, of a follower Personal,
// Policies, Checkpoints and NodesFile, of a witness WitnessKey.
const (
	State       = "state"       // the ledger
	Raft        = "raft"        // the log, the vote, snapshots
	Personal    = "personal.db" // a follower's own chain
	Policies    = "policies"    // whose signatures a follower goes by
	Checkpoints = "checkpoints" // what has been signed
	Copied      = "copied"      // a state that is being copied from another member
	Diverged    = "DIVERGED"    // keeps a member whose state is not the majority's from starting before somebody has looked
	evidence    = "evidence"    // what contradicts what was signed
	known       = "known.json"  // what a follower has seen of each chain
)

// Kind is what runs on a folder, with its article.
type Kind string

// The kinds.
const (
	Member   Kind = "a member"
	Follower Kind = "a follower"
	Witness  Kind = "a witness"
)

// marks are what only one kind of process keeps in its folder.
func marks(kind Kind) []string {
	switch kind {
	case Member:
		return []string{Raft, MemberKey}
	case Follower:
		return []string{Personal, keepsake.File, Checkpoints}
	default:
		return []string{WitnessKey}
	}
}

// Is tells whether a folder is one of a kind. One that is new is of none.
func Is(dir string, kind Kind) (bool, error) {
	for _, name := range marks(kind) {
		if is, err := durable.Exists(filepath.Join(dir, name)); err != nil || is {
			return is, err
		}
	}
	return false, nil
}

// Check refuses the folder of a process of another kind, and what is no folder at all.
func Check(dir string, kind Kind) error {
	info, err := os.Stat(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("--data: %w", err)
	case !info.IsDir():
		return fmt.Errorf("%w: --data %s is not a folder", ErrUsage, dir)
	}
	for _, other := range []Kind{Member, Follower, Witness} {
		for _, name := range marks(other) {
			if _, err := os.Stat(filepath.Join(dir, name)); other != kind && err == nil {
				return fmt.Errorf("%w: --data %s is the folder of %s, for it has %s; this is %s", ErrUsage, dir, other, name, kind)
			}
		}
	}
	return nil
}

// TakeStopped takes the folder of a process of a kind, if none runs on it.
func TakeStopped(dir string, kind Kind) (release func() error, err error) {
	if err := Check(dir, kind); err != nil {
		return nil, err
	}
	if _, err := os.Stat(dir); err != nil {
		return nil, fmt.Errorf("%w: --data: %w", ErrUsage, err)
	}
	taken, err := datafolder.Take(dir)
	if errors.Is(err, datafolder.ErrInUse) {
		return nil, fmt.Errorf("%w: stop the node first: %w", ErrUsage, err)
	}
	if err != nil {
		return nil, err
	}
	return taken.Release, nil
}

// PlaceSync says where in a follower's folder is what it has seen of others' chains.
func PlaceSync(cfg *chainsync.Config, dir string) {
	path := func(name string) string { return filepath.Join(dir, name) }
	cfg.Evidence, cfg.Known = path(evidence), path(known)
	cfg.PolicyDir, cfg.Checkpoints = path(Policies), path(Checkpoints)
}
