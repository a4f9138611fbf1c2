package cluster

import (
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster/roster"
)

// Who is elected has every entry that is final because nobody votes for a candidate that has
// less than itself. raft keeps that, and all else rests on it.
func TestACandidateWithAShorterLogGetsNoVote(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 3)
	at := c.mustPropose(c.leader(), "final").Index
	voter := c.other(c.leader())
	candidate := c.other(voter)
	if candidate == c.leader() {
		candidate = c.other(candidate)
	}
	waitFor(t, "the entry on who votes", func() bool { return c.members[voter].raft.LastIndex() >= at })
	newest := func() (last raft.Log) {
		require.NoError(t, c.members[voter].store.logs.GetLog(c.members[voter].raft.LastIndex(), &last))
		return last
	}

	ask := func(term, index, lastTerm uint64) (granted bool) {
		m := c.members[candidate]
		servers := m.raft.GetConfiguration()
		require.NoError(t, servers.Error())
		var from, to raft.Server
		for _, s := range servers.Configuration().Servers {
			switch roster.ParseAddress(s.Address).HostPort {
			case c.peers[candidate].Addr:
				from = s
			case c.peers[voter].Addr:
				to = s
			}
		}
		request := &raft.RequestVoteRequest{
			RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(from.ID), Addr: m.transport.EncodePeer(from.ID, from.Address)},
			Term:      term, LastLogIndex: index, LastLogTerm: lastTerm,
			LeadershipTransfer: true, // there is a leader, and it is to be asked all the same
		}
		var answer raft.RequestVoteResponse
		require.NoError(t, m.transport.RequestVote(to.ID, to.Address, request, &answer))
		require.Equal(t, term, answer.Term, "it was not refused for its term")
		return answer.Granted
	}
	last := newest()
	term := last.Term // and then ones of which nobody has heard, however many elections come of it
	next := func() uint64 { term += 1000; return term }
	require.False(t, ask(next(), last.Index-1, last.Term), "an entry is missing")
	require.False(t, ask(next(), last.Index+1000, last.Term-1), "its last entry is from a term before")
	waitFor(t, "a vote for one that has all of them", func() bool {
		last := newest() // a leader of meanwhile may have added some
		return ask(next(), last.Index, last.Term)
	})
}
