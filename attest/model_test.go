package attest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/internal/bubble"
)

// Whatever dies when, comes back with however much of its state, or is
// restored: of all signatures that ever left a member no two are over
// different roots of one size. And unless history was lost, everything is
// covered in the end.
func TestNoMemberEverSignsTwoRootsForOneSize(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	folders := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		dir, err := os.MkdirTemp(folders, "")
		require.NoError(rt, err)
		var failure any // rapid's, which has to reach rapid's own goroutine
		inBubble(t, func(*testing.T) {
			defer func() { failure = recover() }()
			live(&history{T: rt, rig: newRig(rt, dir, 3)})
		})
		if failure != nil {
			panic(failure)
		}
	})
}

func live(h *history) {
	defer h.close()
	h.announce()
	h.create(openContract)
	h.setup = len(h.log)
	for _, m := range h.members {
		m.start()
	}
	for range rapid.IntRange(3, 10).Draw(h.T, "steps") {
		h.step()
		h.one()
	}
	h.end()
}

type history struct {
	*rapid.T
	*rig
	setup, blocks int // entries that stay in the log, and blocks so far
	// A member that has forgotten what it signed and a log that has forgotten it
	// too are more than anything on this side of a witness can bear.
	forgotten, rolledBack bool
}

func (h *history) step() {
	m := h.members[rapid.IntRange(0, 2).Draw(h.T, "member")]
	switch rapid.SampledFrom([]string{"block", "block", "time", "time", "leader", "death", "restart", "restart", "crash", "backup", "rollback"}).Draw(h.T, "step") {
	case "block":
		h.lead(max(h.leader, 0))
		h.grow()
	case "time":
		bubble.Pass(time.Duration(rapid.IntRange(0, 3000).Draw(h.T, "ms")) * time.Millisecond)
	case "leader":
		h.lead(rapid.IntRange(-1, 2).Draw(h.T, "leader"))
	case "death":
		at, calls := rapid.SampledFrom([]string{"reading", "signed", "lost", "logged"}).Draw(h.T, "at"), rapid.IntRange(1, 3).Draw(h.T, "call")
		m.kill(func(point string) bool {
			if point == at {
				calls--
			}
			return calls <= 0
		})
	case "restart":
		h.restart(m, func() {})
	case "crash":
		h.restart(m, func() {
			m.closeStore(true)
			m.openStore()
		})
	case "backup":
		h.restore(m)
	case "rollback":
		h.rollback()
	}
}

func (h *history) grow() {
	h.blocks++
	h.block(fmt.Sprint("block ", h.blocks)) // never the same twice
}

func (h *history) restart(m *member, meanwhile func()) {
	m.stop()
	meanwhile()
	m.killer.Store(nil)
	m.start()
}

// restore brings a member's journal back from a copy that is older than what
// it signed meanwhile, while the log goes on.
func (h *history) restore(m *member) {
	if h.rolledBack {
		return
	}
	h.forgotten = true
	m.stop()
	journal, err := os.ReadFile(m.journal())
	if err != nil {
		journal = nil
	}
	m.killer.Store(nil)
	m.start()
	h.lead(max(h.leader, 0))
	h.grow()
	bubble.Pass(time.Second)
	h.restart(m, func() {
		if journal == nil {
			_ = os.Remove(m.journal())
		} else {
			require.NoError(h.T, os.WriteFile(m.journal(), journal, 0o600))
		}
	})
}

// rollback restores the cluster to an earlier time, all but what the members
// remember of their signatures, and lets it go another way.
func (h *history) rollback() {
	if h.forgotten {
		return
	}
	for _, m := range h.members {
		m.stop()
	}
	keep := rapid.IntRange(h.setup, len(h.log)).Draw(h.T, "keep")
	h.rolledBack = h.rolledBack || keep < len(h.log)
	h.log = h.log[:keep:keep]
	for _, m := range h.members {
		m.rebuild()
	}
	for _, m := range h.members {
		h.restart(m, func() {})
	}
}

func (h *history) end() {
	for _, m := range h.members {
		h.restart(m, func() {})
	}
	// Who leads chooses the sizes, and a member that has ended leads no more.
	h.lead(max(0, slices.IndexFunc(h.members, func(m *member) bool { return m.fatal() == nil })))
	h.grow()
	bubble.Pass(time.Minute)
	h.one()
	ended := 0 // those whose journal went back, and who noticed
	for _, m := range h.members {
		if m.fatal() != nil {
			require.ErrorIs(h.T, m.fatal(), attest.ErrForgot)
			require.True(h.T, h.forgotten)
			ended++
		}
	}
	for _, m := range h.members {
		err := m.attester.Ready()
		switch {
		case m.fatal() != nil:
		case !h.rolledBack:
			require.NoError(h.T, err)
			if ended <= 1 {
				require.Equal(h.T, m.length(), m.covered())
			}
		case err != nil && !isBehind(err):
			require.ErrorIs(h.T, err, attest.ErrWouldContradict)
		}
		left, err := filepath.Glob(filepath.Join(filepath.Dir(m.journal()), "*"))
		require.NoError(h.T, err)
		require.LessOrEqual(h.T, len(left), 1, "a file for each chain and no other")
	}
}
