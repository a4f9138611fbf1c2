package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/durable"
)

// rebuiltFile says what rebuilds have done to the folder: the process that did it ends, and
// the node that starts on the folder tells.
const rebuiltFile = "rebuilt.json"

// maxRebuilt bounds the file; the oldest are dropped.
const maxRebuilt = 100

// Rebuilt is a rebuild that was done.
type Rebuilt struct {
	Time    time.Time  `json:"time"`
	Way     RebuildWay `json:"way"`
	Damaged []string   `json:"damaged"`
	// Mended is how many blocks were damaged, and Fetched how many came from others.
	Mended  uint64 `json:"mended,omitempty"`
	Fetched int    `json:"fetched,omitempty"`
	Told    bool   `json:"told,omitempty"` // in the log, and by a member in the audit log
}

// note adds what was done to the file.
func (r *Rebuild) note(now time.Time) error {
	done := Rebuilt{Time: now.UTC(), Way: r.Way, Damaged: r.Damaged}
	if r.Mended != nil {
		for _, b := range r.Mended.Blocks {
			done.Mended += b.To - b.From + 1
		}
		done.Fetched = r.Mended.Fetched
	}
	all, err := readRebuilt(r.data)
	if err != nil {
		return err
	}
	return writeRebuilt(r.data, append(all, done))
}

// readRebuilt reads the file. One that cannot be read is begun anew: it says nothing that
// anything depends on.
func readRebuilt(data string) (all []Rebuilt, err error) {
	text, err := os.ReadFile(filepath.Join(data, rebuiltFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if json.Unmarshal(text, &all) != nil {
		return nil, nil
	}
	return all, nil
}

func writeRebuilt(data string, all []Rebuilt) error {
	text, err := json.Marshal(all[max(0, len(all)-maxRebuilt):])
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(data, rebuiltFile), append(text, '\n'), 0o600)
}

// tellRebuilt tells what rebuilds have done that nobody has told yet: in the log, and by also,
// which is tried until it can be done or ctx ends.
func (s *service) tellRebuilt(ctx context.Context, also func(context.Context, Rebuilt) error) {
	all, err := readRebuilt(s.common.Data)
	if err != nil {
		s.log.Warn("what was rebuilt is not known", "error", err)
		return
	}
	untold := slices.IndexFunc(all, func(r Rebuilt) bool { return !r.Told })
	if untold < 0 {
		return
	}
	for i := untold; i < len(all); i++ {
		r := &all[i]
		s.log.Warn("this node was rebuilt", "at", r.Time, "way", r.Way, "damaged", r.Damaged, "blocks", r.Mended, "fetched", r.Fetched)
		for also != nil {
			err := also(ctx, *r)
			if err == nil || errors.Is(err, chain.LevelNotActive) { // by a cluster that keeps no audit log yet
				break
			}
			s.log.Debug("the audit log does not say yet that this node was rebuilt", "error", err)
			select {
			case <-time.After(introduceEvery):
			case <-ctx.Done():
				return
			}
		}
		r.Told = true
	}
	if err := writeRebuilt(s.common.Data, all); err != nil {
		s.log.Warn("it will be told again that this node was rebuilt", "error", err)
	}
}

// auditRebuilt puts a rebuild into the audit log. Whoever has done it was on this machine.
func (m *Member) auditRebuilt(ctx context.Context, r Rebuilt) error {
	if err := m.cluster.Barrier(ctx); err != nil {
		return err
	}
	what := fmt.Sprintf("%s at %s by %s: %s", m.cfg.ID, r.Time.Format(time.RFC3339), r.Way, strings.Join(r.Damaged, "; "))
	number, err := m.requests.BeginAction(ctx, auditlog.Action{Who: auditlog.Local, What: "members.rebuild", Subject: short(what), Member: m.cfg.ID})
	if err != nil {
		return err
	}
	return m.requests.EndAction(ctx, number, auditlog.OK)
}

// short is a text as the audit log takes it.
func short(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, text)
	return text[:min(len(text), auditlog.MaxText)]
}

// rebuilt sums up what rebuilds have done to a folder, for the figures.
func (s *service) rebuilt() (byWay map[string]uint64, mended uint64) {
	byWay = map[string]uint64{}
	all, _ := readRebuilt(s.common.Data) // a scrape comes again
	for _, r := range all {
		byWay[string(r.Way)]++
		mended += r.Mended
	}
	return byWay, mended
}
