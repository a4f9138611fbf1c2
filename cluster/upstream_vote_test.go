package cluster

import (
	"errors"
	"io"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"github.com/bpsc/bpsc/internal/votefile"
)

// errKilled is what a process gets that is not there any more.
var errKilled = errors.New("killed")

// mortal is a place for votes whose process is killed before it stores a candidate, once armed.
type mortal struct {
	raft.StableStore
	armed bool
}

func (m *mortal) Set(key, value []byte) error {
	if m.armed {
		return errKilled
	}
	return m.StableStore.Set(key, value)
}

// hashicorp/raft#661: raft stores a vote in two writes, the term and then for whom. A member
// that dies between them starts with the new term beside the candidate of an old vote, takes
// that for the vote of this term, and gives it again without a look at the log.
func TestUpstreamCrashWithinAVote(t *testing.T) {
	votesForWhoLacksEntries := func(open func(dir string) raft.StableStore) (votes bool) {
		logs, dir := raft.NewInmemStore(), t.TempDir()
		live := func(f func(s *stage, votes *mortal)) {
			synctest.Test(t, func(t *testing.T) {
				votes := &mortal{StableStore: open(dir)}
				s := newStage(t, parts{logs: logs, votes: votes})
				f(s, votes)
				s.close()
				if c, ok := votes.StableStore.(io.Closer); ok {
					c.Close()
				}
			})
		}
		live(func(s *stage, votes *mortal) {
			if !s.ask(s.b, raft.RequestVoteRequest{Term: 5, LastLogIndex: 1, LastLogTerm: 1}) {
				t.Fatal("b gets no vote in term 5")
			}
			// c leads in term 6, and an entry of it is committed by a and c.
			if !s.append(s.c, raft.AppendEntriesRequest{
				Term: 6, PrevLogEntry: 1, PrevLogTerm: 1, LeaderCommitIndex: 2,
				Entries: []*raft.Log{{Index: 2, Term: 6, Data: []byte("acknowledged")}},
			}).Success {
				t.Fatal("a does not follow c")
			}
			votes.armed = true
			if s.ask(s.c, raft.RequestVoteRequest{Term: 7, LastLogIndex: 2, LastLogTerm: 6}) {
				t.Error("a process that was killed has voted")
			}
		})
		live(func(s *stage, _ *mortal) {
			votes = s.ask(s.b, raft.RequestVoteRequest{Term: 7, LastLogIndex: 1, LastLogTerm: 1})
		})
		return votes
	}
	must := func(s raft.StableStore, err error) raft.StableStore {
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	shown(t, votesForWhoLacksEntries(func(dir string) raft.StableStore {
		s, err := raftboltdb.New(raftboltdb.Options{Path: filepath.Join(dir, "raft.db")})
		return must(s, err)
	}), votesForWhoLacksEntries(func(dir string) raft.StableStore {
		f, err := votefile.Open(filepath.Join(dir, "vote.json"))
		return must(f, err)
	}), "internal/votefile")
}

// failing is a log whose next write fails, as a sync does: what was written may be there or
// not, and the next sync says that all is well.
type failing struct {
	*raft.InmemStore
	next error
}

func (f *failing) StoreLogs(logs []*raft.Log) error {
	if err := f.next; err != nil {
		f.next = nil
		return err
	}
	return f.InmemStore.StoreLogs(logs)
}

// raft logs a write that failed, and writes again: it acknowledges entries on a disk of which
// nobody knows what is on it.
func TestUpstreamWriteThatFails(t *testing.T) {
	goesOn := func(guarded bool) (goesOn bool) {
		synctest.Test(t, func(t *testing.T) {
			store, k := &failing{InmemStore: raft.NewInmemStore()}, newKeepers(t)
			p := parts{logs: store}
			if guarded {
				p.logs = k.log(store, raft.NewInmemSnapshotStore())
			}
			s := newStage(t, p)
			defer s.close()
			send := func() bool {
				return s.append(s.b, raft.AppendEntriesRequest{
					Term: 2, PrevLogEntry: 1, PrevLogTerm: 1, Entries: []*raft.Log{{Index: 2, Term: 2, Data: []byte("x")}},
				}).Success
			}
			store.next = errors.New("input/output error")
			if send() {
				t.Error("an entry is acknowledged that could not be written")
			}
			ended := len(k.fatal) > 0 // before it could answer
			goesOn = send() && !ended
		})
		return goesOn
	}
	shown(t, goesOn(false), goesOn(true), "raftlog.Log.Fatal")
}
