package sim

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/datadir"
)

// lied is what a member's disk really has, and what it says that it has, of a member whose
// host lost power while its disk lied.
type lied struct {
	life   *life // that comes after the power
	folder string
	files  *vfs.MemFS
	shown  uint64            // entries that others have seen on it for sure
	has    uint64            // entries that are left
	small  map[string][]byte // starts and vote, as they are left
}

const (
	// Before the power fails, others have had so long to learn what a member holds: a leader
	// asks for more once a CommitTimeout, and is answered.
	seenFor = time.Second
	// Within so long of its start a member has met the others.
	meets = 3 * time.Second
)

// lie has a member's disk keep nothing from now on, though it says that all is synced. In the
// middle its host loses power, and the member starts on what was there at the beginning.
// The others know how far it had come: it must not go on. In the end its disk has all again,
// as where somebody has brought it back.
//
// Nothing else happens meanwhile (newPlan). Where the only one that has an entry besides is down as
// well, nobody may know, and that is more than a cluster of three promises.
func (s *simulation) lie(i int, f fault) (end func()) {
	m := s.members[f.On]
	l := m.life
	if l == nil || !l.ready.Load() || l.disk == nil || m.rot != nil || m.lied != nil {
		return func() {}
	}
	old := filepath.Join(s.dir, fmt.Sprintf("%s.old%d", m.name, i))
	has, err := l.disk.LastIndex()
	if err == nil {
		err = copyFolder(l.folder, old)
	}
	if err != nil {
		s.fail("the simulation itself: %v", err)
		return func() {}
	}
	files := m.files.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: s.world.draw("lie", uint64(i))})
	who := fmt.Sprintf("lie %d", i)
	shown := uint64(0)
	half := f.For / 2
	s.world.post(step{kind: "faults", who: who, n: 0, delay: func() time.Duration { return max(half-seenFor, 0) }, what: "seen", do: func() {
		if m.life == l && half >= seenFor {
			shown = l.store.AppliedIndex()
		}
	}})
	s.world.post(step{kind: "faults", who: who, n: 1, delay: func() time.Duration { return half }, what: "loses power", do: func() {
		if m.life != l {
			return
		}
		s.kill(m, true)
		m.lied = &lied{folder: m.folder, files: m.files, shown: shown, has: has, small: small(old)}
		m.lives++ // that is the number of the folder that it has really
		m.folder, m.files = old, files
		s.restart(m)
		m.lied.life = m.life
		s.reach("a disk has lied")
	}})
	return func() { s.unlie(m) }
}

// small are the files of a folder by which a member does not promise a thing twice, as far
// as they are there.
func small(folder string) map[string][]byte {
	found := map[string][]byte{}
	for _, name := range []string{datadir.StartsFile, datadir.VoteFile} {
		if data, err := os.ReadFile(filepath.Join(folder, name)); err == nil {
			found[name] = data
		}
	}
	return found
}

// unlie ends it. Where it was noticed all that was lost comes back, to what has been written
// since: a start that others have seen, and a vote.
func (s *simulation) unlie(m *member) {
	was := m.lied
	if was == nil {
		return
	}
	m.lied = nil
	switch {
	case m.life == nil:
		for name, now := range small(m.folder) { // what that life has said of itself is true
			if !bytes.Equal(now, was.small[name]) {
				if err := os.WriteFile(filepath.Join(was.folder, name), now, 0o600); err != nil {
					s.fail("the simulation itself: %v", err)
				}
			}
		}
		m.folder, m.files = was.folder, was.files
		s.restart(m)
	case m.life == was.life && was.shown > was.has && was.life.ready.Load() && s.world.since()-was.life.began > meets:
		s.fail("%s: %v has %d entries, the others have seen %d of them there, and it goes on", ruleBack, m.life, was.has, was.shown)
	}
}

// wentBack tells whether a life ends because others have seen more of its member, as it should.
func (l *life) wentBack(err error) bool {
	return l.member.lied != nil && (errors.Is(err, cluster.ErrWentBack) || errors.Is(err, attest.ErrForgot))
}
