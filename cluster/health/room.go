package health

import "time"

// Room is how much the disk of a member has left, as its owner measures it.
type Room struct {
	// Free is in bytes; 0 where nobody knows.
	Free uint64
	// Reserve is in bytes too, of what should stay free; 0 where nobody knows.
	Reserve uint64
	// Short is why this member takes nothing new from clients for want of room;
	// empty where it has room.
	Short string
	// None: so little is left that it takes no entry at all, neither its own nor
	// another's.
	None bool
}

// Spare is what is to be left of a short disk, in bytes, where a snapshot from the leader has
// been unpacked there, or the log was written anew.
const Spare = 64 << 20

const (
	// The key of what a short disk has against leading.
	unfitRoom = "room"

	// roomPatience is how long the cluster may be without a leader before a member
	// with a short disk may lead after all, and roomTruce for how long it then may.
	// An election takes a few tenths of a second; who has not won one by then has
	// not all that is needed.
	roomPatience = 3 * time.Second
	roomTruce    = time.Minute
)

// RoomWatch has a member whose disk is short make way for one that has room and
// could lead. Where all are short it says nothing: somebody has to lead, so that
// reads and what the cluster itself writes go on.
//
// That is no matter of safety, and so it gives way where it would leave the cluster
// without a leader. One goroutine calls Look and owns all fields.
type RoomWatch struct {
	fitness *Fitness
	room    func() Room
	led     func() bool // a leader is known
	better  func() bool // another member that could lead has room

	makesWay   bool
	leaderless time.Time // since when no leader is known; zero when one is
	truce      time.Time // until when the disk is no reason
}

// NewRoomWatch watches the room of one member.
func NewRoomWatch(fit *Fitness, room func() Room, led, better func() bool) *RoomWatch {
	return &RoomWatch{fitness: fit, room: room, led: led, better: better}
}

// Look decides whether this member may lead.
func (w *RoomWatch) Look(at time.Time) {
	short := w.room().Short
	led := w.led()
	switch {
	case short == "", at.Before(w.truce):
		w.makesWay = false
	case led:
		w.leaderless, w.makesWay = time.Time{}, w.better()
	case w.leaderless.IsZero():
		w.leaderless = at // it stays as it is: during an election nobody is ready
	case at.Sub(w.leaderless) > roomPatience:
		w.leaderless, w.truce, w.makesWay = time.Time{}, at.Add(roomTruce), false
	}
	if w.makesWay {
		w.fitness.Forbid(unfitRoom, "too little room: "+short)
		return
	}
	w.fitness.Allow(unfitRoom)
}
