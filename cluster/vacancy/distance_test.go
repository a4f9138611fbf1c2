package vacancy

import (
	"testing"
	"time"
)

// far is a member of two that are left of three, as a simulation has it.
type far struct {
	watch Watch
	self  Voter
	voted uint64 // the last term in which it voted
	said  []Voter
}

// elects simulates two members that lost a leader at once, between whom everything takes a
// while, and what they write as well. It tells when one is elected, and how often they stood.
func elects(way, write time.Duration) (after time.Duration, stood int) {
	type arrival struct {
		at   time.Duration
		what func()
	}
	var coming []arrival
	members := [2]*far{}
	won := time.Duration(0)
	for i, id := range []string{"n1", "n2"} {
		members[i] = &far{self: Voter{ID: id, Vacant: true, Term: 4, Last: 10}}
	}
	for now := time.Duration(0); now < 10*time.Second && won == 0; now += time.Millisecond {
		var later []arrival
		due := coming
		coming = nil
		for _, a := range due {
			if a.at > now {
				later = append(later, a)
			} else {
				a.what()
			}
		}
		coming = append(coming, later...)
		for _, m := range members {
			m.said = append(m.said, m.self)
		}
		for i, m := range members {
			other := members[1-i]
			v := View{Self: m.self, Leader: "n3", May: true, Others: []Voter{{ID: other.self.ID}, {ID: "n3"}}}
			if m.self.Term > 4 {
				v.Leader = ""
			}
			if at := int((now - way) / time.Millisecond); now >= 2*way && at < len(other.said) {
				v.Others[0] = other.said[at]
				v.Others[0].Heard = true
			}
			if !m.watch.Look(start.Add(now), v) {
				continue
			}
			stood++
			if m.self.Stands {
				m.self.Term++
			}
			m.self.Term++
			m.self.Stands, m.voted = true, m.self.Term
			term := m.self.Term
			coming = append(coming, arrival{now + 2*write + way, func() {
				if term < other.self.Term || term == other.voted {
					return
				}
				other.self.Term, other.self.Stands, other.voted = term, false, term
				coming = append(coming, arrival{now + 4*write + 2*way, func() {
					if m.self.Stands && m.self.Term == term {
						won = now + 4*write + 2*way
					}
				}})
			}})
		}
	}
	return won, stood
}

// Members between whom a message takes longer than a turn learn too late that another one
// stands: each would vote for itself, again and again.
func TestMembersThatAreFarFromEachOther(t *testing.T) {
	for _, c := range []struct{ way, write time.Duration }{
		{0, 2}, {5, 2}, {15, 2}, {30, 2}, {75, 2}, {1, 25}, {1, 60}, {40, 20}, {75, 20},
	} {
		way, write := c.way*time.Millisecond, c.write*time.Millisecond
		after, stood := elects(way, write)
		t.Logf("%v one way, a write takes %v: elected after %v, %d stood", way, write, after, stood)
		if after == 0 {
			t.Errorf("%v one way, a write takes %v: nobody is elected, %d stood", way, write, stood)
		}
	}
}
