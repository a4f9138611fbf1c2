package sim

import (
	"fmt"
	"time"
)

// schedule posts the beginning and the end of each fault.
func (s *simulation) schedule() {
	for i, f := range s.plan.Faults {
		who := fmt.Sprintf("fault %d", i)
		s.world.post(step{kind: "faults", who: who, n: 0, delay: func() time.Duration { return f.At }, what: f.String(), do: func() {
			s.world.trace.tell(s.world.since(), who, f.String())
			end := s.begin(i, f)
			s.ends = append(s.ends, end)
			s.world.post(step{kind: "faults", who: who, n: 1, delay: func() time.Duration { return f.For }, what: "over", do: func() {
				s.world.trace.tell(s.world.since(), who, "over")
				end.once()
			}})
		}})
	}
}

// ending takes a fault back, once.
type ending struct {
	over bool
	do   func()
}

func (e *ending) once() {
	if !e.over {
		e.over = true
		e.do()
	}
}

// begin lets a fault come, and returns what takes it back.
func (s *simulation) begin(i int, f fault) *ending {
	return &ending{do: s.faults(i, f)}
}

func (s *simulation) faults(i int, f fault) (end func()) {
	if f.On == leader {
		f.On = s.leader(i)
	}
	if f.On >= len(s.members) { // the plan has been made smaller, and nobody adds it
		return func() {}
	}
	m := s.members[f.On]
	switch f.Kind {
	case followerKill, followerPower:
		copies := s.followers[f.On]
		if err := copies.kill(f.Kind == followerPower); err != nil {
			s.fail("the simulation itself: %v", err)
		}
		return copies.start
	case addMember, removeMember, replaceMember:
		s.changeMembers(f)
		return func() {}
	case handOver:
		s.handOver(i, f)
		return func() {}
	case followerAlone:
		return s.cut(s.followers[f.On].host, true, true)
	case kill, power:
		s.kill(m, f.Kind == power)
		return func() { s.restart(m) }
	case killAll, powerAll:
		for _, m := range s.members {
			s.kill(m, f.Kind == powerAll)
		}
		return func() {
			for _, m := range s.members {
				s.restart(m)
			}
		}
	case killAmid, cutAmid:
		over := false
		s.amid = func() {
			s.world.after(f.To, func() {
				if !over {
					s.kill(m, f.Kind == cutAmid)
				}
			})
		}
		return func() {
			over = true
			s.amid = nil
			s.restart(m)
		}
	case alone:
		return s.cut(f.On, true, true)
	case deaf:
		return s.cut(f.On, false, true)
	case mute:
		return s.cut(f.On, true, false)
	case link:
		return s.cutLinks([][2]int{{f.On, f.To}, {f.To, f.On}})
	case flap:
		return s.flap(i, f)
	case lag:
		return s.lag(i, f)
	case clock:
		return s.setClock(i, f)
	case away:
		s.away[f.On]++
		return func() { s.away[f.On]-- }
	case rotLog, rotState:
		return s.rot(i, f)
	case lie:
		return s.lie(i, f)
	case diskLag, diskHang, diskFail:
		return s.spoilDisk(i, f)
	case frozen:
		mend, goOn := s.cut(f.On, true, true), s.spoilDisk(i, fault{Kind: diskHang, On: f.On})
		s.away[f.On]++
		return func() { s.away[f.On]--; mend(); goOn() }
	}
	panic("no such fault: " + f.Kind)
}

// leader is a member that leads, or any.
func (s *simulation) leader(i int) int {
	for _, m := range s.members {
		if m.life != nil && m.life.ready.Load() && m.life.node.IsLeader() {
			return m.number
		}
	}
	return i % len(s.members)
}

func (s *simulation) cut(on int, out, in bool) (end func()) {
	var links [][2]int
	for i := range s.net.hosts {
		if i != on && out {
			links = append(links, [2]int{on, i})
		}
		if i != on && in {
			links = append(links, [2]int{i, on})
		}
	}
	return s.cutLinks(links)
}

func (s *simulation) cutLinks(links [][2]int) (end func()) {
	for _, l := range links {
		s.net.cut[l]++
	}
	return func() {
		for _, l := range links {
			s.net.cut[l]--
		}
		s.net.mend()
	}
}

// flap cuts a member off for a moment, and again.
func (s *simulation) flap(i int, f fault) (end func()) {
	who := fmt.Sprintf("flap %d", i)
	r := s.world.draw(who, 0)
	var mend func()
	over := false
	var next func()
	n := uint64(0)
	next = func() {
		if over {
			return
		}
		if mend == nil {
			mend = s.cut(f.On, true, true)
		} else {
			mend()
			mend = nil
		}
		n++
		pause := time.Duration(20+r.IntN(700)) * time.Millisecond
		s.world.post(step{kind: "faults", who: who, n: n, delay: func() time.Duration { return pause }, what: "flips", do: next})
	}
	next()
	return func() {
		over = true
		if mend != nil {
			mend()
		}
	}
}

func (s *simulation) lag(i int, f fault) (end func()) {
	d := time.Duration(5+s.world.draw("lag", uint64(i)).IntN(600)) * time.Millisecond
	add := func(d time.Duration) {
		for j := range s.net.hosts {
			s.net.slow[[2]int{f.On, j}] += d
		}
	}
	add(d)
	return func() { add(-d) }
}

// setClock sets a wall clock by up to an hour, before or behind.
func (s *simulation) setClock(i int, f fault) (end func()) {
	r := s.world.draw("clock", uint64(i))
	off := r.Int64N([]int64{2, 60, 3600}[r.IntN(3)]*2_000_000) - 1_000_000
	m := s.members[f.On]
	m.clock.Add(off)
	return func() { m.clock.Add(-off) }
}

// spoilDisk is for the life that there is.
func (s *simulation) spoilDisk(i int, f fault) (end func()) {
	l := s.members[f.On].life
	if l == nil || !l.ready.Load() {
		return func() {}
	}
	switch f.Kind {
	case diskLag:
		d := time.Duration(10+s.world.draw("disk lag", uint64(i)).IntN(1500)) * time.Millisecond
		l.disk.slow += d
		l.excused = true // it may add up to a write that never seems to end
		return func() { l.disk.slow -= d }
	case diskHang:
		l.disk.stalled++
		l.excused = true
		return func() {
			if l.disk.stalled--; l.disk.stalled == 0 {
				l.disk.goOn()
			}
		}
	default:
		l.disk.failing = true
		l.excused = true
		return func() { l.disk.failing = false }
	}
}

// kill ends a member's process, if it has one.
func (s *simulation) kill(m *member, power bool) {
	if m.life == nil {
		return
	}
	if err := m.kill(power); err != nil {
		s.fail("the simulation itself: %v", err)
	}
}

// restart starts a member that is down.
func (s *simulation) restart(m *member) {
	if m.life == nil && !m.absent && !s.closed {
		m.start()
	}
}
