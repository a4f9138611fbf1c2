package transport

import (
	"context"

	"github.com/hashicorp/raft"
)

// candidacy is the wish of this member to stand for election at once.
type candidacy struct {
	now  func() Standing // asked at the last moment
	done chan bool       // what it said
}

// Standing is how a member stands that is to stand for election.
type Standing struct {
	Right     bool   // it is right to stand
	Candidate bool   // it is a candidate, in an election that nobody has won
	Self      string // its identity
	Term      uint64
	Follows   func() bool // whether raft follows, asked once an election was given up
}

// Stand has raft stand for election, without the pre-vote and also if the others still
// know a leader, if that is right once all has been looked at that others have sent by
// then. It tells whether it was.
func (t *Transport) Stand(ctx context.Context, now func() Standing) bool {
	c := candidacy{now: now, done: make(chan bool, 1)}
	select {
	case t.standing <- c:
	case <-t.closed:
		return false
	case <-ctx.Done():
		return false
	}
	select {
	case stood := <-c.done:
		return stood
	case <-t.closed:
	case <-ctx.Done():
	}
	return false
}

// stand hands raft the call that a leader gives to its successor. Nothing comes between
// the question and the call, for whatever raft is handed passes through this goroutine: a
// member that has just been elected is not put down by one that had not heard of it.
// False when the transport is closed.
func (t *Transport) stand(c candidacy, incoming <-chan raft.RPC) bool {
	for more := true; more; {
		select {
		case rpc := <-incoming:
			if !t.pass(rpc) {
				return false
			}
		default:
			more = false
		}
	}
	if !t.knock() {
		return false
	}
	now := c.now()
	if now.Right && now.Candidate {
		var open bool
		if now.Right, open = t.giveUp(now); !open {
			return false
		}
	}
	if now.Right && !t.hand(call(&raft.TimeoutNowRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax}})) {
		return false
	}
	c.done <- now.Right
	return true
}

// giveUp ends an election that two candidates keep each other from winning, where raft would
// wait for a time-out. It tells whether it did: votes come to raft past this goroutine, so the
// candidate may have won since it was asked how it stands, or stood again and won then. open is false when the transport is closed.
func (t *Transport) giveUp(now Standing) (ended, open bool) {
	answered := make(chan raft.RPCResponse, 1)
	if !t.hand(raft.RPC{Command: nextTerm(now), RespChan: answered}) || !t.knock() { // by then it has answered
		return false, false
	}
	answer, is := (<-answered).Response.(*raft.RequestVoteResponse)
	return is && answer.Term > now.Term && now.Follows(), true
}

// nextTerm is the request for a vote in the next term of one that has no log. raft gives such a
// one no vote, and a candidate's term moves, which any member may have it do at any time. One that has
// won knows a leader, at another address than that of the request, which has none, and refuses.
func nextTerm(now Standing) *raft.RequestVoteRequest {
	return &raft.RequestVoteRequest{
		RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(now.Self)},
		Term:      now.Term + 1,
	}
}

// call is a message of this member to its own raft.
func call(command any) raft.RPC {
	return raft.RPC{Command: command, RespChan: make(chan raft.RPCResponse, 1)}
}
