package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster/events"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/wallet"
)

// simulation is one run: members, clients, and what happens to them. All of it is the
// world's, but for the history.
type simulation struct {
	plan      plan
	world     *world
	net       *network
	members   []*member
	followers []*follower
	lossy     int   // of a thousand requests, and of answers
	away      []int // of each member: how many faults keep clients from it
	ends      []*ending
	wanted    []*wanted // changes of the members, in order
	changed   int       // so many of them are done
	operating bool      // somebody will look at the next one
	asks      uint64
	greeted   int    // how often somebody began to lead
	amid      func() // is called once, when a member is asked to order something; nil: nobody waits for it
	history   history
	keys      []*wallet.Key // of the signed contract's wallets
	signed    chain.Hash    // the id of its chain
	closed    bool          // nobody starts any more
	dir       string
	logger    *slog.Logger
	running   sync.WaitGroup
	healed    time.Duration
	served    time.Duration // after the healing, until a client had an answer
	checking  time.Duration // of a processor

	violations []string
	reached    map[string]int
}

const (
	// What a healthy cluster has time for.
	starting = 20 * time.Second
	// What it has after all has been healed (DESIGN.md).
	recovery = 5 * time.Second
	settling = 20 * time.Second
	// What a follower has: one that asks a host that is silent looks at the others every few
	// seconds, and each of its pauses doubles up to five.
	copying = 30 * time.Second
	closing = 60 * time.Second
)

// result is what a run came to.
type result struct {
	Violations []string
	Reached    map[string]int // how often what a run is to come to, came
	Hash       uint64         // of all steps
	Steps      int
	End        []string // the last of them
	Story      []string // what was more than a message or a write
	Operations int
	Acked      int
	Served     time.Duration // after the healing
	Virtual    time.Duration
	CPU        time.Duration
	Checking   time.Duration  // of it, in the end
	Kinds      map[string]int // of steps
}

// run does what a plan says, in a bubble of its own, and checks what came of it.
func run(p plan, dir string, logger *slog.Logger, out io.Writer) result {
	w := newWorld(p.Seed)
	w.trace.out = out
	s := &simulation{plan: p, world: w, net: newNetwork(w, p.hosts()...), keys: newKeys(), reached: map[string]int{}, away: make([]int, p.all()), dir: dir, logger: logger}
	for i := range p.all() {
		s.members = append(s.members, &member{
			cluster: s, number: i, absent: i >= p.Members, name: memberName(i), folder: s.newFolder(memberName(i), 1), files: vfs.NewCrashableMem(),
		})
	}
	for i := range p.Followers {
		name := followerName(i)
		s.followers = append(s.followers, &follower{sim: s, host: p.all() + i, name: name, folder: s.newFolder(name, 1), files: vfs.NewCrashableMem()})
	}
	s.live()
	s.judged()
	s.close()
	r := result{
		Violations: s.violations, Reached: s.reached, Hash: w.trace.hash.Sum64(), Steps: w.done,
		Operations: len(s.history.all), Acked: s.history.acked(), Served: s.served, Virtual: w.since(), Checking: s.checking, Kinds: w.kinds,
	}
	for _, e := range w.trace.end() {
		r.End = append(r.End, e.String())
	}
	for _, e := range w.trace.story {
		r.Story = append(r.Story, e.String())
	}
	return r
}

func (s *simulation) fail(format string, args ...any) {
	text := s.plain(fmt.Sprintf(format, args...))
	s.violations = append(s.violations, text)
	s.world.trace.tell(s.world.since(), "VIOLATION", text)
}

// plain is a text without the name of the folder that this run has.
func (s *simulation) plain(text string) string { return strings.ReplaceAll(text, s.dir, "") }

// reach counts what is worth a simulation.
func (s *simulation) reach(what string) { s.reached[what]++ }

// remember counts what a life has been through.
func (s *simulation) remember(l *life) {
	if !l.ready.Load() {
		return
	}
	page, _ := l.node.Events(0, 1000)
	for _, e := range page {
		switch e.Kind {
		case events.Installed, events.Election, events.Snapshot:
			s.reach(string(e.Kind))
		}
	}
}

// judged counts what clients were told.
func (s *simulation) judged() {
	for _, f := range s.followers {
		for _, c := range s.contracts() {
			for what, n := range countCopies(f.copies.of(c.Token)) {
				s.reached[what] += n
			}
		}
	}
	for _, op := range s.history.sofar() {
		switch {
		case op.kind != submit:
		case op.verdict == refused:
			s.reach("refused as " + string(op.code))
		case op.out.Replay:
			s.reach("replay")
		default:
			s.reach(string(op.verdict))
		}
	}
}

// live is all of a run but its end.
func (s *simulation) live() {
	for i, m := range s.there() {
		if err := os.MkdirAll(m.folder, 0o700); err != nil {
			s.fail("the simulation itself: %v", err)
			return
		}
		// Members that start in one moment have timers in step for ever.
		pause := time.Duration(s.world.draw("start", uint64(i)).Int64N(int64(300 * time.Millisecond)))
		s.world.post(step{kind: "faults", who: "start", n: uint64(i), delay: func() time.Duration { return pause }, what: m.name, do: m.start})
	}
	if !s.drive(starting, s.allReady) {
		s.fail("%s: not one is served at the start: %v", ruleService, s.why())
		return
	}
	if err := s.found(); err != nil {
		s.fail("no chain: %v", err)
		return
	}
	for _, f := range s.followers {
		f.start()
	}
	s.lossy = s.plan.Lossy // not before: a beginning has no faults
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for i := range s.plan.Clients {
		c := newClient(s, i)
		clients.Go(func() { c.run(stop) })
	}
	s.running.Go(clients.Wait) // also where the run is broken off and nobody waits for them
	s.schedule()
	s.drive(s.plan.Length, s.broken)
	s.heal()
	s.probe()
	close(stop)
	if !s.drive(settling, s.waited(&clients)) && !s.broken() {
		s.fail("%s: some have none, long after everything is healed", ruleAnswers)
	}
	if !s.drive(changed, s.settled) && !s.broken() {
		s.fail("%s: %s", ruleChanges, s.whyChanging())
	}
	if !s.drive(settling, s.signedAll) && !s.broken() {
		s.fail("%s: not all of the chain is, long after everything is healed", ruleSigned)
	}
	if !s.drive(settling, s.alike) && !s.broken() {
		s.fail("%s: %s", ruleOneState, s.why())
	}
	if !s.drive(copying, s.copiedAll) && !s.broken() {
		s.fail("%s: %s", ruleCatchUp, s.whyNot())
	}
	for _, f := range s.followers {
		f.judge()
	}
	began := cpu()
	s.checkApart()
	s.checking = cpu() - began
}

// checkApart checks in a goroutine of its own: one that finds a store damaged ends there.
func (s *simulation) checkApart() {
	ended, whole := make(chan struct{}), false
	go func() {
		defer close(ended)
		s.check()
		whole = true
	}()
	<-ended
	if whole {
		return
	}
	for _, m := range s.members {
		if l := m.life; l == nil {
			continue
		} else if err := l.broken.Load(); err != nil {
			s.fail("%s: %v ends when it is read: %v", ruleEnds, l, *err)
		}
	}
}

// drive goes on while no rule is broken.
func (s *simulation) drive(limit time.Duration, until func() bool) bool {
	return s.world.drive(limit, func() bool {
		s.look()
		return s.broken() || until()
	}) && !s.broken()
}

func (s *simulation) broken() bool { return len(s.violations) > 0 }

// look sees whether a process has ended by itself.
func (s *simulation) look() {
	s.lookAtFollowers()
	for _, m := range s.members {
		l := m.life
		if l == nil {
			continue
		}
		err := l.broken.Load()
		if err == nil {
			if l.ready.Load() {
				s.net.hosts[m.number].web, m.who = l.listens(), l.node.Identity()
				s.greet(l)
			}
			continue
		}
		if l.wentBack(*err) {
			s.world.trace.tell(s.world.since(), l.String(), "does not go on, as it should: "+s.plain((*err).Error()))
			s.reach("a disk has lied, and is noticed")
			s.kill(m, false)
			continue
		}
		if s.dismissed(l, *err) {
			s.world.trace.tell(s.world.since(), l.String(), "was removed, and ends: "+s.plain((*err).Error()))
			s.reach("a member is removed, and ends")
			m.absent, m.removed = true, true
			s.kill(m, false)
			continue
		}
		if l.noticed(*err) {
			s.world.trace.tell(s.world.since(), l.String(), "does not go on, as it should: "+s.plain((*err).Error()))
			s.reach("a bit flips, and is noticed")
			s.kill(m, false)
			if m.rot == nil { // it noticed late, and what it has is mended
				s.restart(m)
			}
			continue
		}
		if !l.excused {
			s.fail("%s: %v ends: %v", ruleEnds, l, *err)
			continue
		}
		s.world.trace.tell(s.world.since(), l.String(), "ends, as it should: "+s.plain((*err).Error()))
		s.reach("ended for its disk")
		s.kill(m, false)
		who := "again " + l.String()
		s.world.post(step{kind: "faults", who: who, delay: func() time.Duration { return time.Second }, what: "starts", do: func() { s.restart(m) }})
	}
}

func (s *simulation) allReady() bool {
	for _, m := range s.there() {
		if m.life == nil || !m.life.ready.Load() || m.life.node.Ready() != nil {
			return false
		}
	}
	return true
}

// why is what the members say of themselves.
func (s *simulation) why() (text string) {
	for _, m := range s.members {
		switch l := m.life; {
		case l == nil:
			text += m.name + " is down; "
		case !l.ready.Load():
			text += m.name + " starts; "
		default:
			text += fmt.Sprintf("%s: applied %d, %v; ", m.name, l.store.AppliedIndex(), l.node.Ready())
		}
	}
	return text
}

// found does what members do by themselves where a cluster begins, and makes the contract.
func (s *simulation) found() error {
	done := make(chan error, 1)
	s.running.Go(func() { done <- s.makeChain() })
	var err error
	ended := false
	s.drive(starting, func() bool {
		select {
		case err = <-done:
			ended = true
		default:
		}
		return ended
	})
	if !ended {
		return errors.New("it takes too long")
	}
	return err
}

func (s *simulation) makeChain() error {
	ctx, cancel := context.WithTimeout(context.Background(), starting)
	defer cancel()
	q := s.members[0].life.requests()
	for _, m := range s.there() {
		key, err := signingKey(m.name)
		if err != nil {
			return err
		}
		a := command.Announce{Member: string(m.life.node.Identity()), URL: "http://" + m.name, Key: key.String(), Level: release.Newest}
		if err := q.Announce(ctx, a); err != nil {
			return fmt.Errorf("announcing %s: %w", m.name, err)
		}
	}
	if _, err := q.Activate(ctx, release.Newest); err != nil {
		return err
	}
	for _, c := range s.contracts() {
		index, err := q.CreateContract(ctx, c)
		if err != nil {
			return err
		}
		for _, m := range s.there() {
			if err := m.life.node.WaitApplied(ctx, index); err != nil {
				return err
			}
		}
	}
	return s.fund(ctx)
}

// heal ends all faults.
func (s *simulation) heal() {
	for _, e := range s.ends {
		e.once()
	}
	for _, m := range s.members {
		s.restart(m)
	}
	for _, f := range s.followers {
		f.start()
	}
	s.net.mend()
	s.lossy = 0
	s.healed = s.world.since()
	s.world.trace.tell(s.healed, "world", "healed")
}

// probe is a client that comes after the healing: it has to be served in time.
func (s *simulation) probe() {
	if s.broken() {
		return
	}
	stop, served := make(chan struct{}), make(chan struct{})
	c := newClient(s, math.MaxInt16)
	s.running.Go(func() {
		tx := c.transfer()
		tx.Amount = 1
		c.move(sent{token, tx}, stop)
		close(served)
	})
	if !s.drive(recovery, func() bool { return closed(served) }) && !s.broken() {
		s.fail("%s: no answer for %v: %s", ruleService, recovery, s.why())
	}
	s.served = s.world.since() - s.healed
	close(stop)
}

// alike tells whether all members have applied the same.
func (s *simulation) alike() bool {
	var at uint64
	for i, m := range s.there() {
		if m.life == nil || !m.life.ready.Load() {
			return false
		}
		applied := m.life.store.AppliedIndex()
		if i == 0 {
			at = applied
		}
		if applied != at {
			return false
		}
	}
	return true
}

// close ends what runs, without which the bubble could not end.
func (s *simulation) close() {
	for _, e := range s.ends {
		e.once()
	}
	s.closed = true // faults of a run that was broken off end, and restart nobody
	for _, m := range s.members {
		if l := m.life; l != nil {
			s.remember(l)
			m.life = nil
			l.ended.Store(true)
			s.net.dropAll(m.number, l, true)
			if l.disk != nil {
				l.disk.abandon()
			}
			s.bury(l)
		}
	}
	for _, f := range s.followers {
		if l := f.life; l != nil {
			f.life = nil
			l.ended.Store(true)
			s.net.dropAll(f.host, l, true)
			f.bury(l)
		}
	}
	s.net.mend()
	if !s.world.drive(closing, s.waited(&s.running)) {
		s.fail("the simulation itself: goroutines do not end")
	}
}

// waited tells whether a group has ended. The world is told then: without a step it would
// not look.
func (s *simulation) waited(g *sync.WaitGroup) func() bool {
	ended := make(chan struct{})
	go func() {
		g.Wait()
		close(ended)
		s.world.stir()
	}()
	return func() bool { return closed(ended) }
}

func closed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// scratch is where the files of a run are: in memory, where the system has that, since
// a sync there costs nothing.
func scratch() (string, error) {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp(shm, "bpsc-sim-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", "bpsc-sim-")
}
