package sim

import (
	"fmt"
	"time"
)

// visits is how many questions a new leader is asked, each on its way while another is.
const visits = 4

// greet sees who has begun to lead, and has somebody read there at once: before the first
// entry of a leader's term is final it does not know how much of its log is, and what it
// has applied may be behind what the leader before has acknowledged.
func (s *simulation) greet(l *life) {
	leads := l.node.IsLeader()
	if leads == l.led {
		return
	}
	l.led = leads
	if !leads {
		return
	}
	s.greeted++
	s.reach("a new leader is read at")
	for i := range visits {
		c := newClient(s, 1000*s.greeted+i)
		c.to = l.member.number
		pause := time.Duration(c.rand.Int64N(int64(10 * time.Millisecond)))
		if i == 0 {
			pause = 0
		}
		who := fmt.Sprintf("reader %s", c.name)
		s.world.post(step{kind: "questions and answers", who: who, delay: func() time.Duration { return pause }, what: "comes", do: func() {
			s.running.Go(func() { c.ask(operation{kind: head, token: token}) })
		}})
	}
}
