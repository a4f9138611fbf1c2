package transport

import (
	"errors"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// announced is what an announcer has sent.
type announced struct {
	to      raft.ServerID
	message raft.AppendEntriesRequest
}

// ask makes the announcements that are due, one after the other.
func (a *announcer) ask(since time.Time) {
	for id, one := range a.due(since) {
		a.announce(id, one)
	}
}

// An announcement says of what a member has shown to hold that it is committed, once, and of
// nothing else.
func TestAnnouncements(t *testing.T) {
	request := func(term, prev, prevTerm, commit uint64, entries ...uint64) *raft.AppendEntriesRequest {
		r := &raft.AppendEntriesRequest{Term: term, PrevLogEntry: prev, PrevLogTerm: prevTerm, LeaderCommitIndex: commit}
		for _, index := range entries {
			r.Entries = append(r.Entries, &raft.Log{Index: index, Term: term})
		}
		return r
	}
	for _, tt := range []struct {
		name    string
		taken   []*raft.AppendEntriesRequest
		applied uint64
		prev    uint64 // of the announcement; 0 for none
		commit  uint64
	}{
		{"an entry that was committed after it was taken", []*raft.AppendEntriesRequest{request(2, 4, 1, 4, 5)}, 5, 5, 5},
		{"several, of which the first are committed", []*raft.AppendEntriesRequest{request(2, 4, 1, 4, 5, 6, 7)}, 6, 7, 6},
		{"one that it does not hold yet", []*raft.AppendEntriesRequest{request(2, 4, 1, 3, 5)}, 9, 5, 5},
		{"what it has been told", []*raft.AppendEntriesRequest{request(2, 4, 1, 4, 5), request(2, 5, 2, 5)}, 5, 0, 0},
		{"what it was told with the next entries", []*raft.AppendEntriesRequest{request(2, 4, 1, 4, 5), request(2, 5, 2, 5, 6)}, 5, 0, 0},
		{"heartbeats, which say nothing of the log", []*raft.AppendEntriesRequest{request(2, 0, 0, 0)}, 5, 0, 0},
		{"what it has taken in a term before", []*raft.AppendEntriesRequest{request(2, 4, 1, 4, 5), request(3, 3, 1, 3)}, 5, 0, 0},
		{"an answer that comes after those of the next term", []*raft.AppendEntriesRequest{request(3, 3, 1, 3), request(2, 4, 1, 4, 5)}, 5, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var sent []announced
			a := newAnnouncer(func(id raft.ServerID, _ raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
				sent = append(sent, announced{id, *args})
				resp.Success = true
				return nil
			})
			for _, r := range tt.taken {
				a.took("n2", "there", r)
			}
			a.applied(tt.applied)
			a.ask(time.Time{})
			a.ask(time.Time{}) // once is enough
			if tt.prev == 0 {
				if len(sent) > 0 {
					t.Errorf("sent %+v", sent)
				}
				return
			}
			if len(sent) != 1 {
				t.Fatalf("sent %d announcements", len(sent))
			}
			if m := sent[0].message; sent[0].to != "n2" || m.Term != 2 || m.PrevLogEntry != tt.prev || m.PrevLogTerm != 2 || m.LeaderCommitIndex != tt.commit || len(m.Entries) > 0 {
				t.Errorf("sent %+v", sent[0])
			}
		})
	}
}

// One that did not arrive is not sent again and again: raft does it with its next message.
// Nor is anything sent to whom raft sends nothing any more.
func TestAnnouncementsThatDoNotArrive(t *testing.T) {
	sent := 0
	a := newAnnouncer(func(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse) error {
		sent++
		return errors.New("it is gone")
	})
	a.took("n2", "there", &raft.AppendEntriesRequest{Term: 2, PrevLogEntry: 5, PrevLogTerm: 2, LeaderCommitIndex: 4})
	a.applied(5)
	<-a.wake
	a.ask(time.Time{})
	if len(a.wake) > 0 {
		t.Error("it tries again at once")
	}
	a.ask(time.Now().Add(time.Hour))
	if len(a.others) > 0 || sent != 1 {
		t.Errorf("%d are remembered, %d were sent", len(a.others), sent)
	}
}

// One that takes an entry when the others have committed it hears of that as well.
func TestWhoIsSlowIsToldToo(t *testing.T) {
	var told uint64
	a := newAnnouncer(func(_ raft.ServerID, _ raft.ServerAddress, args *raft.AppendEntriesRequest, resp *raft.AppendEntriesResponse) error {
		told, resp.Success = args.LeaderCommitIndex, true
		return nil
	})
	a.took("n2", "there", &raft.AppendEntriesRequest{Term: 2, PrevLogEntry: 4, PrevLogTerm: 2, LeaderCommitIndex: 4})
	a.applied(5)
	<-a.wake
	a.ask(time.Time{})
	if told != 0 {
		t.Errorf("told %d before it has that", told)
	}
	a.took("n2", "there", &raft.AppendEntriesRequest{Term: 2, PrevLogEntry: 4, PrevLogTerm: 2, LeaderCommitIndex: 4, Entries: []*raft.Log{{Index: 5, Term: 2}}})
	select {
	case <-a.wake:
	default:
		t.Fatal("nobody is woken")
	}
	if a.ask(time.Time{}); told != 5 {
		t.Errorf("told %d", told)
	}
}
