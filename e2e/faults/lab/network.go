package lab

import (
	"context"
	"sync"
	"time"
)

// cut changes links, until it ends.
func (w *World) cut(ctx context.Context, how cut, who string, pairs [][2]int) (struck, error) {
	err := w.set(ctx, how, pairs...)
	w.note()
	return struck{who, func(ctx context.Context) error {
		err := w.set(ctx, "", pairs...)
		w.note()
		return err
	}}, err
}

// ring leaves each member the links to its two neighbours; of three members, whose ring is all
// there is, one link goes.
func (w *World) ring(ctx context.Context, all []int) (struck, error) {
	var pairs [][2]int
	n := len(all)
	for i := range n {
		for j := range i {
			if d := i - j; d != 1 && (d != n-1 || n == 3) {
				pairs = append(pairs, [2]int{i, j}, [2]int{j, i})
			}
		}
	}
	return w.cut(ctx, lost, "all", pairs)
}

// unplug takes a machine off the wire.
func (w *World) unplug(ctx context.Context, i int) (struck, error) {
	m := w.Cluster.Members[i]
	w.mark(m.ID, "unplugged", true)
	return struck{m.ID, func(ctx context.Context) error {
		err := w.Hosts.Plug(ctx, i)
		w.mark(m.ID, "unplugged", false)
		return err
	}}, w.Hosts.Unplug(ctx, i)
}

// flapping is for how long links are there, and then are not.
const flapping = 200 * time.Millisecond

// flap cuts and mends links again and again. They count as cut all the time.
func (w *World) flap(ctx context.Context, who string, pairs [][2]int) (struck, error) {
	if err := w.set(ctx, lost, pairs...); err != nil {
		return struck{}, err
	}
	w.note()
	// The scripts of both states as they are now: what other faults change meanwhile on these
	// links is theirs again when this one has ended.
	scripts := [2]map[int]string{{}, {}}
	for _, p := range pairs {
		scripts[0][p[1]] = w.script(p[1])
	}
	for to := range scripts[0] {
		kept := cuts{}
		for link, how := range w.cuts {
			kept[link] = how
		}
		for _, p := range pairs {
			w.cuts.link(p[0], p[1], "")
		}
		scripts[1][to] = w.script(to)
		w.cuts = kept
	}
	ctx, stop := context.WithCancel(ctx)
	var flaps sync.WaitGroup
	flaps.Go(func() {
		ticker := time.NewTicker(flapping)
		defer ticker.Stop()
		for n := 1; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
			for to, script := range scripts[n%2] {
				_ = w.Hosts.Filter(ctx, to, script) // cut short by the end of it all; set says whether the last one works
			}
		}
	})
	return struck{who, func(ctx context.Context) error {
		stop()
		flaps.Wait()
		err := w.set(ctx, "", pairs...)
		w.note()
		return err
	}}, nil
}
