package cluster

import "slices"

// place is what an accepted connection counts against: the bound of one member's
// connections of one purpose, or, as the zero value, that of strangers, who have
// not shown yet who they are. So strangers never take a place from a member, nor
// one member from another, nor the peer protocol from raft.
type place struct {
	from string
	why  purpose
}

// bound is how many connections may have the same place.
func (p place) bound() int {
	switch p.why {
	case forRaft:
		return maxRaftConns
	case forPeers:
		return maxPeerConns
	}
	return maxStrangers
}

// places are the accepted connections of a port by their place, the one that has
// been there longest first. Its owner's mutex guards it.
type places map[place][]*portConn

// enter moves a connection to a place. When that is full, it takes the place of
// the one that has been there longest, which is returned: strangers who wait
// must not keep out a member, which is through with its handshake at once, nor
// the dead connections of a host that is gone the new ones of the same member.
func (p places) enter(conn *portConn, at place) (crowded *portConn) {
	p.leave(conn)
	if len(p[at]) >= at.bound() {
		crowded = p[at][0]
		p.leave(crowded)
	}
	conn.at = at
	p[at] = append(p[at], conn)
	return crowded
}

// leave takes a connection out; one that has no place it ignores.
func (p places) leave(conn *portConn) {
	if i := slices.Index(p[conn.at], conn); i >= 0 {
		p[conn.at] = slices.Delete(p[conn.at], i, i+1)
	}
}
