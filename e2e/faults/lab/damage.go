package lab

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// injury is what is done to one of the files that match, which is drawn.
type injury struct {
	patterns []string // one of all files that match any
	hurt     func(path string, rng *rand.Rand) error
}

// stateFiles are those of a state that say something: tables, lists of them, what was written since.
var stateFiles = []string{"state/db-*/*.sst", "state/db-*/*.blob", "state/db-*/MANIFEST-*", "state/db-*/*.log", "state/CURRENT"}

// followerFiles are those of a follower that say something.
var followerFiles = append([]string{"policies/*", "personal.db", "known.json"}, stateFiles...)

// injuries are those of each fault. What a log is kept in differs between members.
var injuries = map[string]injury{
	"damage-state":     {stateFiles, flip},
	"damage-state-two": {stateFiles, flip},
	"damage-log":       {[]string{"raft/raft.db", "raft/wal/*.wal"}, flip},
	"damage-tail":      {[]string{"raft/raft.db", "raft/wal/*.wal"}, cutTail},
	"damage-gone":      {stateFiles, remove},
	"damage-vote":      {[]string{"raft/vote.json"}, flip},
	"damage-journal":   {[]string{"attest/*.json"}, remove},
	"damage-follower": {followerFiles, func(path string, rng *rand.Rand) error {
		return []func(string, *rand.Rand) error{flip, cutTail, remove}[rng.IntN(3)](path, rng)
	}},
}

func remove(path string, _ *rand.Rand) error { return os.Remove(path) }

// isShort tells whether there is too little in a file to damage it.
func isShort(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Size() < 2
}

// flip changes one bit.
func flip(path string, rng *rand.Rand) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		at, one := rng.Int64N(info.Size()), make([]byte, 1)
		if _, err = f.ReadAt(one, at); err == nil {
			one[0] ^= 1 << rng.IntN(8)
			_, err = f.WriteAt(one, at)
		}
	}
	return errors.Join(err, f.Close())
}

// cutTail takes off up to half of a file.
func cutTail(path string, rng *rand.Rand) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()-1-rng.Int64N(info.Size()/2))
}

// harm kills members and damages their files. They stay dead until they are repaired.
func (w *World) harm(s plan.Step, members []int) (struck, error) {
	var errs []error
	for n, i := range members {
		errs = append(errs, w.hurt(s, &w.Cluster.Members[i].Process, n))
	}
	return struck{w.names(members), func(context.Context) error { return nil }}, errors.Join(errs...)
}

// harmFollower is harm for the follower.
func (w *World) harmFollower(s plan.Step) (struck, error) {
	if !w.Follower.Alive() {
		return struck{}, errNobody
	}
	return struck{w.Follower.ID, func(context.Context) error { return nil }}, w.hurt(s, &w.Follower.Process, 0)
}

// hurt kills a process and damages one of its files. n tells those apart that a step strikes.
func (w *World) hurt(s plan.Step, p *harness.Process, n int) error {
	w.mark(p.ID, "damaged", true)
	w.excuse[p.ID] = true
	err := p.Kill()
	rng := rand.New(rand.NewPCG(s.Pick, uint64(n)))
	if s.Fault == "damage-erased" {
		w.damage[p.ID] = s.Fault
		w.Tell("damage", 0, "%s: its folder is empty", p.ID)
		return errors.Join(err, empty(p.Data))
	}
	how := injuries[s.Fault]
	var paths []string
	for _, pattern := range how.patterns {
		more, e := filepath.Glob(filepath.Join(p.Data, pattern))
		paths, err = append(paths, more...), errors.Join(err, e)
	}
	paths = slices.DeleteFunc(paths, isShort)
	w.damage[p.ID] = "nothing to damage"
	if len(paths) > 0 {
		path := paths[rng.IntN(len(paths))]
		within, e := filepath.Rel(p.Data, path)
		w.damage[p.ID], err = s.Fault+" in "+within, errors.Join(err, e, how.hurt(path, rng))
	}
	w.Tell("damage", 0, "%s: %s", p.ID, w.damage[p.ID])
	return err
}
