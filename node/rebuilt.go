package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/node/folder"
)

// tellRebuilt tells what rebuilds have done that nobody has told yet: in the log, and by also,
// which is tried until it can be done or ctx ends.
func (s *service) tellRebuilt(ctx context.Context, also func(context.Context, folder.Rebuilt) error) {
	all, err := folder.ReadRebuilt(s.common.Data)
	if err != nil {
		s.log.Warn("what was rebuilt is not known", "error", err)
		return
	}
	untold := slices.IndexFunc(all, func(r folder.Rebuilt) bool { return !r.Told })
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
	if err := folder.WriteRebuilt(s.common.Data, all); err != nil {
		s.log.Warn("it will be told again that this node was rebuilt", "error", err)
	}
}

// auditRebuilt puts a rebuild into the audit log. Whoever has done it was on this machine.
func (m *Member) auditRebuilt(ctx context.Context, r folder.Rebuilt) error {
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
	all, _ := folder.ReadRebuilt(s.common.Data) // a scrape comes again
	for _, r := range all {
		byWay[r.Way]++
		mended += r.Mended
	}
	return byWay, mended
}
