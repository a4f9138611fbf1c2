package transport

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// announceAfter is how long an announcement waits for entries to go out, which tell the
	// same: under load they do, and none is needed.
	announceAfter = time.Millisecond

	// announceFor is for how many CommitTimeouts after raft's last message a member is told
	// anything: raft sends to each at least every two, and to one that was removed no more.
	announceFor = 3
)

// announcer tells the others at once what is committed. raft does so with the next entries,
// and where none come again and again after CommitTimeout, whether or not there is news; so
// either a member that follows is late, or an idle cluster is busy.
//
// An announcement is a message of raft's without entries, from the leader of a term to a
// member that has taken entries from it in that term. It repeats what the member has
// shown to hold, and says of nothing behind that that it is committed; so it is
// true whenever it arrives. Its answer says nothing that raft has to know.
//
// raft's goroutines call took, the one that applies calls applied; run owns its own and one
// for each announcement under way. mu guards what is below it.
type announcer struct {
	send sender
	wake chan struct{} // token: more is applied than before

	mu        sync.Mutex
	term      uint64
	committed uint64 // applied here, so on the disks of a majority
	others    map[raft.ServerID]*taken
}

// taken is what another member has taken from this one in a term.
type taken struct {
	at      time.Time // when it answered raft last
	to      raft.ServerAddress
	message raft.AppendEntriesRequest // without entries, behind the last one that it holds
	told    uint64                    // the last entry of which it has heard that it is committed
	busy    bool                      // an announcement is under way
}

// sender sends a message as raft.Transport's AppendEntries does.
type sender func(raft.ServerID, raft.ServerAddress, *raft.AppendEntriesRequest, *raft.AppendEntriesResponse) error

func newAnnouncer(send sender) *announcer {
	return &announcer{send: send, wake: make(chan struct{}, 1), others: map[raft.ServerID]*taken{}}
}

// took notes that a member has taken a message, but for heartbeats, which say nothing of
// the log.
func (a *announcer) took(id raft.ServerID, to raft.ServerAddress, args *raft.AppendEntriesRequest) {
	message := raft.AppendEntriesRequest{RPCHeader: args.RPCHeader, Term: args.Term, PrevLogEntry: args.PrevLogEntry, PrevLogTerm: args.PrevLogTerm}
	if n := len(args.Entries); n > 0 {
		message.PrevLogEntry, message.PrevLogTerm = args.Entries[n-1].Index, args.Entries[n-1].Term
	}
	if message.PrevLogEntry == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if args.Term > a.term {
		a.term = args.Term
		clear(a.others)
	}
	if args.Term < a.term {
		return
	}
	one := a.others[id]
	if one == nil {
		one = &taken{}
		a.others[id] = one
	}
	one.at, one.to, one.told = time.Now(), to, max(one.told, args.LeaderCommitIndex)
	if message.PrevLogEntry >= one.message.PrevLogEntry {
		one.message = message
	}
	if one.told < min(a.committed, one.message.PrevLogEntry) {
		signal(a.wake) // it was slower than the majority, without whom that is committed
	}
}

// applied notes that entries up to an index are applied here. It waits for nothing.
func (a *announcer) applied(index uint64) {
	a.mu.Lock()
	a.committed = max(a.committed, index)
	behind := len(a.others) > 0
	a.mu.Unlock()
	if behind {
		signal(a.wake)
	}
}

// run announces, while leads says that this member leads, until ctx ends.
func (a *announcer) run(ctx context.Context, leads func() bool, commitTimeout time.Duration) {
	var sending sync.WaitGroup
	defer sending.Wait()
	for {
		select {
		case <-a.wake:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(announceAfter):
		case <-ctx.Done():
			return
		}
		if !leads() {
			continue
		}
		for id, one := range a.due(time.Now().Add(-announceFor * commitTimeout)) {
			sending.Go(func() { a.announce(id, one) })
		}
	}
}

// due are the members that have to be told something, each until announce has ended. Those
// to which raft has sent nothing since are forgotten.
func (a *announcer) due(since time.Time) map[raft.ServerID]*taken {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := map[raft.ServerID]*taken{}
	for id, one := range a.others {
		switch {
		case one.at.Before(since):
			delete(a.others, id)
		case !one.busy && one.told < min(a.committed, one.message.PrevLogEntry):
			one.busy = true
			list[id] = one
		}
	}
	return list
}

// announce tells one member what is committed of what it holds.
func (a *announcer) announce(id raft.ServerID, one *taken) {
	a.mu.Lock()
	message, to := one.message, one.to
	message.LeaderCommitIndex = min(a.committed, message.PrevLogEntry)
	a.mu.Unlock()
	var resp raft.AppendEntriesResponse
	err := a.send(id, to, &message, &resp)
	a.mu.Lock()
	defer a.mu.Unlock()
	one.busy = false
	if err != nil || !resp.Success {
		return // raft tells it with its next message
	}
	one.told = max(one.told, message.LeaderCommitIndex)
	if one.told < min(a.committed, one.message.PrevLogEntry) {
		signal(a.wake)
	}
}

// signal leaves a token in a channel of capacity one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
