package lab

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// struck is a fault that has come: whom it struck, and how it goes.
type struck struct {
	who string
	end func(ctx context.Context) error
}

// errNobody is why a fault does not come: there is nobody whom it may strike.
var errNobody = errors.New("there is nobody whom it may strike")

// strike carries out a step of a plan.
func (w *World) strike(ctx context.Context, s plan.Step) (struck, error) {
	up := w.up()
	leader := w.index(w.leads())
	if !slices.Contains(up, leader) {
		leader = -1
	}
	others := slices.DeleteFunc(slices.Clone(up), func(i int) bool { return i == leader })
	pick := func(from []int, n int) (some []int) {
		from = slices.Clone(from)
		for r := s.Pick; len(from) > 0 && len(some) < n; r = r/7 + 1 {
			at := int(r % uint64(len(from)))
			some, from = append(some, from[at]), slices.Delete(from, at, at+1)
		}
		return some
	}
	one := []int{leader}
	if leader < 0 {
		one = pick(up, 1) // nobody leads at the moment, or he has been struck
	}
	majority := len(w.present())/2 + 1
	switch s.Fault {
	case "kill-leader":
		return w.kill(one)
	case "kill-replica":
		return w.kill(pick(others, 1))
	case "kill-majority":
		return w.kill(pick(up, majority))
	case "kill-all":
		return w.kill(up)
	case "stop-leader":
		return w.terminate(one)
	case "pause-leader":
		return w.pause(one)
	case "pause-replica":
		return w.pause(pick(others, 1))
	case "pause-all":
		return w.pause(up)
	case "kill-follower":
		return w.killFollower()
	}
	switch s.Fault {
	case "transfer":
		return w.transfer(ctx)
	case "backup":
		return w.backup(ctx, pick(up, 1))
	case "clock-ahead", "clock-behind", "clock-jumps", "clock-drifts":
		return w.strikeClock(ctx, s, one)
	}
	switch plan.KindOf(s.Fault) {
	case plan.Outside:
		return w.strikeOutside(s, pick(up, majority), majority)
	case plan.Dishonest:
		return w.strikeProgram(s, one, pick(others, 1))
	case plan.Members, plan.Release, plan.Certificate, plan.Restore:
		return w.operator(s, one, pick(others, 1))
	case plan.Delay:
		return w.strikeDelay(ctx, s, pick)
	default:
	}
	if strings.HasPrefix(s.Fault, "disk-") || strings.HasPrefix(s.Fault, "damage-") {
		some := pick(others, 1)
		if s.Pick%3 == 0 || len(some) == 0 {
			some = one
		}
		if s.Fault == "damage-state-two" {
			some = pick(up, 2)
		}
		return w.strikeFiles(ctx, s, some)
	}
	if w.Hosts == nil {
		return struck{}, errors.New("it takes network namespaces")
	}
	return w.strikeNetwork(ctx, s, one, pick)
}

// strikeOutside strikes witnesses and followers. The dishonest are those whose keys sign what is not so.
func (w *World) strikeOutside(s plan.Step, dishonest []int, majority int) (struck, error) {
	switch s.Fault {
	case "witness-gone", "witness-forgets":
		return w.strikeWitness(s)
	case "damage-follower":
		return w.harmFollower(s)
	case "lying-upstream":
		return w.strikeLiar(nil)
	}
	switch {
	case len(dishonest) < majority:
		return struck{}, errNobody
	case s.Fault == "forgetful-witness":
		return w.strikeForgetful(dishonest)
	case s.Fault == "lying-checkpoint":
		return w.strikeCheckpoint(dishonest)
	}
	return w.strikeRoots(dishonest)
}

// strikeFiles has a disk fail, or damages what is on it.
func (w *World) strikeFiles(ctx context.Context, s plan.Step, some []int) (struck, error) {
	if len(some) == 0 {
		return struck{}, errNobody
	}
	if strings.HasPrefix(s.Fault, "damage-") {
		return w.harm(s, some)
	}
	return w.strikeDisk(ctx, s, some[0])
}

// up are the members that nothing is wrong with as processes, by number.
func (w *World) up() (all []int) {
	for i, m := range w.Cluster.Members {
		if !w.out[m.ID] && len(w.down[m.ID]) == 0 && m.Alive() {
			all = append(all, i)
		}
	}
	return all
}

// mark says that something is wrong with a process, or no more.
func (w *World) mark(id, why string, wrong bool) {
	if w.down[id] == nil {
		w.down[id] = map[string]bool{}
	}
	if wrong {
		w.down[id][why] = true
	} else {
		delete(w.down[id], why)
	}
	w.note()
}

// names are those of members, for people.
func (w *World) names(members []int) string {
	var ids []string
	for _, i := range members {
		ids = append(ids, w.Cluster.Members[i].ID)
	}
	return strings.Join(ids, ", ")
}

// each does something to each of some members, and makes how it is undone.
func (w *World) each(members []int, why string, begin, end func(*harness.Member) error) (struck, error) {
	if len(members) == 0 {
		return struck{}, errNobody
	}
	var errs []error
	for _, i := range members {
		m := w.Cluster.Members[i]
		w.mark(m.ID, why, true)
		errs = append(errs, begin(m))
	}
	return struck{w.names(members), func(context.Context) error {
		var errs []error
		for _, i := range members {
			m := w.Cluster.Members[i]
			errs = append(errs, end(m))
			w.mark(m.ID, why, false)
		}
		return errors.Join(errs...)
	}}, errors.Join(errs...)
}

func (w *World) kill(members []int) (struck, error) {
	// All signals before the first wait: they are to die together.
	signal := func(m *harness.Member) error { return m.Signal(syscall.SIGKILL) }
	s, err := w.each(members, "killed", signal, func(m *harness.Member) error { return w.restart(&m.Process) })
	for _, i := range members {
		err = errors.Join(err, w.Cluster.Members[i].Kill())
	}
	return s, err
}

func (w *World) terminate(members []int) (struck, error) {
	return w.each(members, "killed", func(m *harness.Member) error { return m.Terminate() }, func(m *harness.Member) error {
		return errors.Join(m.Kill(), w.restart(&m.Process)) // where it has not ended yet it is late
	})
}

func (w *World) pause(members []int) (struck, error) {
	return w.each(members, "paused", (*harness.Member).Pause, (*harness.Member).Resume)
}

func (w *World) killFollower() (struck, error) {
	if !w.Follower.Alive() {
		return struck{}, errNobody
	}
	w.mark(w.Follower.ID, "killed", true)
	return struck{w.Follower.ID, func(context.Context) error {
		err := w.restart(&w.Follower.Process)
		w.mark(w.Follower.ID, "killed", false)
		return err
	}}, w.Follower.Kill()
}

// restart starts a process that is dead, which is not to be counted on until it is ready.
func (w *World) restart(p *harness.Process) error {
	if p.Alive() {
		return nil
	}
	w.mark(p.ID, "starting", true)
	return p.Start()
}

// strikeNetwork changes links between members; all clients are on a machine of their own.
func (w *World) strikeNetwork(ctx context.Context, s plan.Step, one []int, pick func([]int, int) []int) (struck, error) {
	all := w.present()
	if len(one) == 0 {
		one = pick(all, 1)
	}
	rest := slices.DeleteFunc(slices.Clone(all), func(i int) bool { return i == one[0] })
	pairs := between(one, rest)
	out, in := halves(pairs)
	switch s.Fault {
	case "unplug-leader":
		return w.unplug(ctx, one[0])
	case "cut-leader":
		return w.cut(ctx, lost, w.names(one), pairs)
	case "mute-leader":
		return w.cut(ctx, lost, w.names(one), out)
	case "deaf-leader":
		return w.cut(ctx, lost, w.names(one), in)
	case "split":
		minority := pick(all, (len(all)-1)/2)
		major := slices.DeleteFunc(slices.Clone(all), func(i int) bool { return slices.Contains(minority, i) })
		return w.cut(ctx, lost, w.names(minority)+" from "+w.names(major), between(minority, major))
	case "one-link":
		two := pick(all, 2)
		return w.cut(ctx, lost, w.names(two), between(two[:1], two[1:]))
	case "ring":
		return w.ring(ctx, all)
	case "flap":
		return w.flap(ctx, w.names(one), pairs)
	case "slow", "lossy":
		some := pick(all, 1)
		_, in := halves(between(some, all))
		return w.cut(ctx, map[string]cut{"slow": slow, "lossy": lossy}[s.Fault], w.names(some), in)
	}
	return struck{}, fmt.Errorf("there is no fault %q", s.Fault)
}

// halves are the links that lead away from the first group of between, and those to it.
func halves(pairs [][2]int) (out, in [][2]int) {
	for i, p := range pairs {
		if i%2 == 0 {
			out = append(out, p)
		} else {
			in = append(in, p)
		}
	}
	return out, in
}
