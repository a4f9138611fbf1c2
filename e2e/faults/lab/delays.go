package lab

import (
	"context"
	"errors"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/delay"
	"github.com/bpsc/bpsc/e2e/faults/plan"
)

// How much longer packets take: to one member about as from another continent, and among all as
// within one. A cluster works with both, so its links count as whole.
const (
	fromFar = 100 * time.Millisecond
	amongs  = 30 * time.Millisecond
)

// strikeDelay has packets between members take longer; clients reach all as ever.
func (w *World) strikeDelay(ctx context.Context, s plan.Step, pick func([]int, int) []int) (struck, error) {
	if w.Hosts == nil {
		return struck{}, errors.New("it takes network namespaces")
	}
	all, by := w.present(), amongs
	some := all
	if s.Fault == "delayed" {
		some, by = pick(all, 1), fromFar
	}
	var lines []*delay.Line
	var errs []error
	for _, to := range some {
		var from []string
		for _, i := range w.others(w.Cluster.Members[to]) {
			from = append(from, w.Hosts.Addr(i))
		}
		l, err := delay.Start(ctx, w.Hosts.Machine(to), by, from...)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		lines = append(lines, l)
	}
	return struck{w.names(some), func(context.Context) error {
		var errs []error
		for _, l := range lines {
			errs = append(errs, l.Close())
		}
		return errors.Join(errs...)
	}}, errors.Join(errs...)
}
