package attest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/internal/durable"
)

// A crash loses the end of the state, and the log brings it back later than
// the member starts.
func TestAfterACrashAMemberWaitsForItsLog(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		r.block("x")
		bubble.Pass(time.Second)
		m := r.members[1]
		m.stop()
		m.closeStore(true)
		log := r.log
		r.log = log[:5] // what has reached this member so far
		m.openStore()
		before := m.logged.String()
		m.start()
		bubble.Pass(time.Second)
		require.ErrorContains(t, m.attester.Ready(), "has signed 2 blocks of aka, and the chain here is shorter")
		require.Equal(t, before, m.logged.String(), "every crash ends like this: it is no fault yet")
		bubble.Pass(time.Hour)
		require.ErrorContains(t, m.attester.Ready(), "has signed 2 blocks of aka, and the chain here is shorter")
		require.Contains(t, strings.TrimPrefix(m.logged.String(), before), "this member signs nothing for a chain")
		r.log = log
		m.catchUp()
		bubble.Pass(time.Second)
		require.NoError(t, m.attester.Ready())
		r.block("y")
		bubble.Pass(time.Second)
		require.True(t, m.signed(3))
		r.one()
	})
}

// Of a chain that is not there at all the folder remembers.
func TestAMemberWhoseChainIsGoneIsNotReady(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		m := r.members[1]
		m.stop()
		r.log = r.log[:3]
		m.rebuild()
		m.start()
		bubble.Pass(time.Hour)
		require.ErrorContains(t, m.attester.Ready(), "has not found that chain yet")
	})
}

func TestAtEveryPointOfDeath(t *testing.T) {
	for _, point := range []string{"reading", "signed", "lost", "logged"} {
		for _, who := range []int{0, 1} {
			t.Run(fmt.Sprintf("%s, member %d", point, who+1), func(t *testing.T) {
				withRig(t, 3, openContract, func(r *rig) {
					r.startAll()
					r.members[2].stop() // so that the one who dies is missed
					m := r.members[who]
					dead := false
					m.kill(func(at string) bool {
						dead = dead || at == point
						return at == point
					})
					r.block("x")
					bubble.Pass(time.Minute)
					require.True(t, dead)
					m.stop()
					m.closeStore(true)
					m.killer.Store(nil)
					m.openStore()
					m.start()
					bubble.Pass(time.Second)
					require.NoError(t, m.attester.Ready())
					for _, other := range r.members {
						require.Equal(t, uint64(2), other.covered())
					}
					r.one()
				})
			})
		}
	}
}

func TestAJournalThatSaysOtherwiseEndsTheSigning(t *testing.T) {
	spoil := func(change func(s map[string]any)) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			var s map[string]any
			require.NoError(t, durable.ReadSealed(path, &s))
			change(s)
			require.NoError(t, durable.WriteSealed(path, s))
		}
	}
	other := chain.Hash{7}.String()
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		says  string
	}{
		"another chain":     {spoil(func(s map[string]any) { s["chain_id"] = other }), "the chain here is another one"},
		"another tip":       {spoil(func(s map[string]any) { s["tip"] = other }), "block 2 here has the hash"},
		"another root":      {spoil(func(s map[string]any) { s["root"] = other }), "the log of headers here has root"},
		"another size":      {spoil(func(s map[string]any) { s["size"] = 1 }), "block 1 here has the hash"},
		"more than we have": {spoil(func(s map[string]any) { s["size"] = 9 }), "has signed 9 blocks of aka, and the chain here is shorter"},
		"nothing":           {spoil(func(s map[string]any) { clear(s) }), "it says nothing"},
		"damage": {func(t *testing.T, path string) {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, []byte(strings.Replace(string(text), `"size":2`, `"size":1`, 1)), 0o600))
		}, "checksum does not match"},
		"half a file":   {func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 20)) }, "checksum does not match"},
		"an empty file": {func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 0)) }, "checksum does not match"},
	} {
		t.Run(name, func(t *testing.T) {
			withRig(t, 3, openContract, func(r *rig) {
				r.startAll()
				r.block("x")
				bubble.Pass(time.Second)
				m := r.members[1]
				m.stop()
				c.spoil(t, m.journal())
				r.block("y")
				m.start()
				bubble.Pass(time.Minute)
				require.ErrorContains(t, m.attester.Ready(), c.says)
				require.False(t, m.signed(3))
				require.Equal(t, uint64(3), m.covered(), "by the others")
				if slices.Contains([]string{"nothing", "damage", "half a file", "an empty file"}, name) {
					require.ErrorIs(t, m.fatal(), attest.ErrForgot)
				} else {
					require.NoError(t, m.fatal())
				}
			})
		})
	}
}

// The whole cluster was restored, to before what its members have signed. What
// each of them signed last is on its own disk and did not come back with the
// rest.
func TestARestoredClusterSignsNoSecondHistory(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		backup := len(r.log)
		for i := range 3 {
			r.block(fmt.Sprint("lost ", i))
			bubble.Pass(time.Second)
		}
		for _, m := range r.members {
			require.True(t, m.signed(4))
			m.stop()
		}
		r.log = r.log[:backup]
		for _, m := range r.members {
			m.rebuild()
		}
		r.startAll()
		for i := range 3 {
			for _, m := range r.members {
				require.ErrorContains(t, m.attester.Ready(), "has signed 4 blocks of aka, and the chain here is shorter")
			}
			r.block(fmt.Sprint("instead ", i))
			bubble.Pass(time.Minute)
		}
		for _, m := range r.members {
			require.ErrorIs(t, m.attester.Ready(), attest.ErrWouldContradict)
			require.ErrorContains(t, m.attester.Ready(), "went back in time")
		}
		r.block("more")
		bubble.Pass(time.Minute)
		require.Empty(t, r.signatures["n1"][5])
		r.one()
	})
}

// A member whose journal is lost, or from an earlier time, has forgotten attestations
// that are in the log. It ends and signs no more, whether or not it would say
// the same again.
func TestAJournalThatWentBackIsFatal(t *testing.T) {
	for name, lost := range map[string]bool{"lost": true, "older": false} {
		t.Run(name, func(t *testing.T) {
			withRig(t, 3, openContract, func(r *rig) {
				r.startAll()
				m := r.members[1]
				older, err := os.ReadFile(m.journal())
				require.NoError(t, err)
				r.block("x")
				bubble.Pass(time.Second)
				for _, each := range r.members {
					each.stop()
				}
				require.NoError(t, os.Remove(m.journal()))
				if !lost {
					require.NoError(t, os.WriteFile(m.journal(), older, 0o600))
				}
				r.block("y")
				m.start()
				r.members[0].start()
				bubble.Pass(time.Second)
				require.ErrorIs(t, m.fatal(), attest.ErrForgot)
				require.ErrorContains(t, m.fatal(), "the log has its attestation of")
				require.Error(t, m.attester.Ready())
				require.False(t, m.signed(3))
				r.one()
			})
		})
	}
}

func TestAMemberThatCannotWriteDoesNotSign(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		m := r.members[1]
		// A folder where the next file is to be: a disk that refuses.
		require.NoError(t, os.MkdirAll(m.journal()+".tmp/full", 0o700))
		r.block("x")
		bubble.Pass(time.Minute)
		require.ErrorContains(t, m.attester.Ready(), "signs no checkpoint of aka any more")
		require.False(t, m.signed(2))
		require.NoError(t, os.RemoveAll(m.journal()+".tmp"))
		m.stop()
		m.start()
		bubble.Pass(time.Second)
		require.NoError(t, m.attester.Ready())
		require.True(t, m.signed(2))
	})
}

// A disk that is full, or a process with too many files open, is no disk that
// lies. When there is room again the member signs again, and no second root.
func TestAMemberSignsAgainWhenThereIsRoom(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		m := r.members[1]
		require.NoError(t, os.Symlink("/dev/full", m.journal()+".tmp"))
		r.block("x")
		bubble.Pass(time.Millisecond)
		require.ErrorContains(t, m.attester.Ready(), "until there is room again")
		require.ErrorIs(t, m.attester.Ready(), syscall.ENOSPC)
		require.False(t, m.signed(2))
		bubble.Pass(time.Minute) // the link is gone
		require.NoError(t, m.attester.Ready())
		require.True(t, m.signed(2))
		r.block("y")
		bubble.Pass(time.Minute)
		require.True(t, m.signed(3))
		r.one()
	})
}

// While there is no room, the journal is put back to an older state: what the
// member remembers of it counts, too.
func TestNoRoomIsNoWayBack(t *testing.T) {
	withRig(t, 3, openContract, func(r *rig) {
		r.startAll()
		m := r.members[1]
		old, err := os.ReadFile(m.journal())
		require.NoError(t, err)
		r.block("x")
		bubble.Pass(time.Minute)
		require.True(t, m.signed(2))
		require.NoError(t, os.Symlink("/dev/full", m.journal()+".tmp"))
		r.block("y")
		bubble.Pass(time.Millisecond)
		require.ErrorIs(t, m.attester.Ready(), syscall.ENOSPC)
		require.NoError(t, os.WriteFile(m.journal(), old, 0o600))
		bubble.Pass(time.Minute)
		require.ErrorIs(t, m.attester.Ready(), attest.ErrWouldContradict)
		require.False(t, m.signed(3))
	})
}

// The file is for people too.
func TestTheJournalReads(t *testing.T) {
	withRig(t, 1, openContract, func(r *rig) {
		r.startAll()
		text, err := os.ReadFile(filepath.Join(r.dir, "n1", "attest", "aka.json"))
		require.NoError(t, err)
		line, _, _ := strings.Cut(string(text), "\n")
		var s map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &s))
		require.Equal(t, r.members[0].rootAt(1).String(), s["root"])
		require.Equal(t, 1.0, s["size"])
	})
}
