package port

import "slices"

const (
	// Accepted connections in handshake at one time. A newer one takes the slot of
	// the oldest, so this many would have to come within a round trip to keep a
	// member out.
	maxHandshakes = 128

	// Accepted connections of one member. raft keeps RaftPool of them and uses a
	// few more at a time in elections; the peer protocol has one for requests and
	// one for the status. The rest are from before a restart.
	maxRaftConns = 32
	maxPeerConns = 8

	// RaftPool is how many connections to one member raft should keep.
	RaftPool = 3

	// Connections to one member: raft's and a few of its elections, requests and
	// the status.
	dialledConns = RaftPool + 5
)

// MaxConns is how many connections a port has at most, with so many other members.
// Those of members that are not known yet count as one more.
func MaxConns(others int) int {
	return maxHandshakes + (others+1)*(maxRaftConns+maxPeerConns+dialledConns)
}

// slot is what an accepted connection counts against: the bound of one member's
// connections of one purpose, or, as the zero value, that of connections in
// handshake. So who has not shown who it is never takes a slot from a member, nor
// one member from another, nor the peer protocol from raft.
type slot struct {
	from string
	why  purpose
}

// bound is how many connections may have the same slot.
func (s slot) bound() int {
	switch s.why {
	case forRaft:
		return maxRaftConns
	case forPeers:
		return maxPeerConns
	}
	return maxHandshakes
}

// slots are the accepted connections of a port by their slot, the one that has been
// there longest first. The port's mutex guards it.
type slots map[slot][]*portConn

// enter moves a connection to a slot. When that is full, it takes the room of the
// one that has been there longest, which is returned: connections that wait in
// handshake must not keep out a member, which is through with its own at once, nor
// the dead connections of a host that is gone the new ones of the same member.
func (s slots) enter(conn *portConn, at slot) (crowded *portConn) {
	s.leave(conn)
	if len(s[at]) >= at.bound() {
		crowded = s[at][0]
		s.leave(crowded)
	}
	conn.at = at
	s[at] = append(s[at], conn)
	return crowded
}

// leave takes a connection out; one that has no slot it ignores.
func (s slots) leave(conn *portConn) {
	if i := slices.Index(s[conn.at], conn); i >= 0 {
		s[conn.at] = slices.Delete(s[conn.at], i, i+1)
	}
}
