// Package fsm is the BPSC as a state machine: it decides what requests become
// (records, blocks, refusals) and changes the state accordingly. It has no
// clock, no randomness and no goroutine: the same entries of the log give the
// same chains on every member. See DESIGN.md beside this file.
package fsm

import (
	"context"
	"fmt"
	"sync"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// Machine applies entries of the log to a store.
type Machine struct {
	store *store.Store
	spare sync.Pool // of *written: memory of what has been applied, for what is prepared next
}

// New returns the machine whose state is in s.
func New(s *store.Store) *Machine { return &Machine{store: s} }

// Apply applies one committed entry: it moves the clock to micros (unix
// microseconds; the clock never goes back), runs what is due, then the
// requests in order. result encodes the answer to request i for whoever asked.
// An error is final: this member's state cannot be trusted to be the log's.
func (m *Machine) Apply(index uint64, micros int64, requests [][]byte) (result func(i int) []byte, err error) {
	return m.ApplyPrepared(index, micros, requests, nil)
}

// ApplyPrepared is Apply of requests for which Prepare has returned ahead, which nobody
// else uses any more.
func (m *Machine) ApplyPrepared(index uint64, micros int64, requests [][]byte, ahead any) (result func(i int) []byte, err error) {
	p, _ := ahead.(prepared)
	answers := make([]answer, len(requests))
	err = m.store.Update(index, func(tx *store.Tx) error {
		tx.SetTime(min(max(tx.Time(), chain.Micros(micros)), chain.MaxTimestamp))
		if err := runDue(tx); err != nil {
			return err
		}
		for i, data := range requests {
			r, w, err := p.request(i, data)
			if err != nil {
				return fmt.Errorf("entry %d, request %d: %w", index, i, err)
			}
			if answers[i], err = run(tx, r, w); err != nil {
				return fmt.Errorf("entry %d, request %d: %w", index, i, err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.reuse(p)
	return func(i int) []byte { return m.encode(&answers[i]) }, nil
}

// encode encodes an answer, for who asked. Records that were decided before, and
// do not follow from what was asked, are read now and not in Apply: who asks
// again waits for them, and nobody else. It returns nil where they cannot be
// read.
func (m *Machine) encode(a *answer) []byte {
	var again []*command.Outcome
	var at []store.Placement
	for i := range a.Outcomes {
		if o := &a.Outcomes[i]; a.signed != "" && o.Replay && o.Refused == "" {
			again, at = append(again, o), append(at, store.Placement{Block: o.Block, Position: o.Position})
		}
	}
	texts, err := m.store.Records(a.signed, at)
	if err != nil {
		return nil
	}
	for i, o := range again {
		o.Record = texts[i]
	}
	return a.Encode()
}

// AppliedIndex is the log index of the last entry the state holds.
func (m *Machine) AppliedIndex() uint64 { return m.store.AppliedIndex() }

// Time is the machine's clock in unix microseconds, as the cluster counts.
func (m *Machine) Time() int64 { return int64(m.store.Time()) }

// NextDue is the machine time at which something happens without a request.
func (m *Machine) NextDue() (micros int64, ok bool) {
	due, ok := m.store.NextDue()
	return int64(due), ok
}

// Snapshot writes the state durably into the new folder dir.
func (m *Machine) Snapshot(ctx context.Context, dir string) error {
	return m.store.Snapshot(ctx, dir)
}

// Check reads all of a snapshot, and says what is damaged, or that it does not end with one of the
// entries from first to last.
func (m *Machine) Check(ctx context.Context, dir string, first, last uint64) error {
	return store.CheckReceived(ctx, dir, first, last)
}

// Restore replaces the state by a snapshot, after checking it.
func (m *Machine) Restore(dir string) error { return m.store.Restore(dir) }
