package lab

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/e2e/faults/plan"
)

// injury is what is done to one of the files that match, which is drawn.
type injury struct {
	patterns []string // one of all files that match any
	hurt     func(path string, rng *rand.Rand) error
}

// stateFiles are those of a state that say something: tables, lists of them, what was written since.
var stateFiles = []string{"state/db-*/*.sst", "state/db-*/MANIFEST-*", "state/db-*/*.log", "state/CURRENT"}

// injuries are those of each fault. What a log is kept in differs between members.
var injuries = map[string]injury{
	"damage-state":     {stateFiles, flip},
	"damage-state-two": {stateFiles, flip},
	"damage-log":       {[]string{"raft/raft.db", "raft/wal/*.wal"}, flip},
	"damage-tail":      {[]string{"raft/raft.db", "raft/wal/*.wal"}, cutTail},
	"damage-gone":      {stateFiles, func(path string, _ *rand.Rand) error { return os.Remove(path) }},
	"damage-vote":      {[]string{"raft/vote.json"}, flip},
	"damage-journal":   {[]string{"attest/*.json"}, func(path string, _ *rand.Rand) error { return os.Remove(path) }},
}

// flip changes one bit.
func flip(path string, rng *rand.Rand) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("%s is empty", path)
	}
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
	how := injuries[s.Fault]
	var errs []error
	for n, i := range members {
		m := w.Cluster.Members[i]
		w.mark(m.ID, "damaged", true)
		w.excuse[m.ID] = true
		errs = append(errs, m.Kill())
		rng := rand.New(rand.NewPCG(s.Pick, uint64(n)))
		if s.Fault == "damage-erased" {
			errs = append(errs, empty(m.Data))
			w.damage[m.ID] = s.Fault
			w.Tell("damage", 0, "%s: its folder is empty", m.ID)
			continue
		}
		var paths []string
		for _, pattern := range how.patterns {
			more, err := filepath.Glob(filepath.Join(m.Data, pattern))
			paths, errs = append(paths, more...), append(errs, err)
		}
		w.damage[m.ID] = "nothing to damage"
		if len(paths) > 0 {
			path := paths[rng.IntN(len(paths))]
			errs = append(errs, how.hurt(path, rng))
			within, err := filepath.Rel(m.Data, path)
			w.damage[m.ID], errs = s.Fault+" in "+within, append(errs, err)
		}
		w.Tell("damage", 0, "%s: %s", m.ID, w.damage[m.ID])
	}
	return struck{w.names(members), func(context.Context) error { return nil }}, errors.Join(errs...)
}
