package operations

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

const (
	besideFor   = 90 * time.Second       // some flushes
	besideMost  = 5 * time.Minute        // and until there was a snapshot
	besideBatch = 1_000                  // transfers in each batch that makes the leader flush
	besideEvery = 100 * time.Millisecond // between two of those
	besideOnes  = 8                      // who write single transfers meanwhile
)

// p99Beside prints how long single writes to the leader take while it flushes, compacts and
// takes snapshots, as its own log says when that was, and while it does nothing of these. A
// batch every tenth of a second gives it reason to. Keys begin at a number.
func p99Beside(t *testing.T, c *harness.Cluster, from int) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	must(t, err)
	began := time.Now()
	var stop atomic.Bool
	writes := make([][]span, besideOnes)
	errs := make([]error, besideOnes+1)
	var work sync.WaitGroup
	for worker := range besideOnes {
		work.Go(func() {
			for !stop.Load() {
				began := time.Now()
				_, err := c.Submit(t.Context(), leader.URL, harness.Transfer{Sender: "a1", Recipient: "b1", Amount: "1", Key: fmt.Sprint("beside-", worker, "-", began.UnixNano())})
				if err != nil {
					errs[worker] = err
					return
				}
				writes[worker] = append(writes[worker], span{began, time.Now()})
			}
		})
	}
	work.Go(func() {
		tick := time.NewTicker(besideEvery)
		defer tick.Stop()
		for n := from; !stop.Load() && errs[besideOnes] == nil; n += besideBatch {
			<-tick.C
			errs[besideOnes] = sendLong(t.Context(), c.HTTP, leader.URL, n, n+besideBatch)
		}
	})
	look := time.NewTicker(5 * time.Second)
	defer look.Stop()
	var busy map[string][]span
	for now := began; now.Before(began.Add(besideFor)) || len(busy["snapshot"]) == 0 && now.Before(began.Add(besideMost)); now = <-look.C {
		busy = busyTimes(t, leader.Log, began)
	}
	stop.Store(true)
	work.Wait()
	must(t, errs...)
	busy = busyTimes(t, leader.Log, began)
	all := slices.Concat(writes...)
	for _, what := range []string{"flush", "compaction", "snapshot"} {
		var beside []time.Duration
		for _, w := range all {
			if slices.ContainsFunc(busy[what], w.meets) {
				beside = append(beside, w.took())
			}
		}
		t.Logf("writes during a %s: %s (%d times, %s in all)", what, waits(beside), len(busy[what]), sum(busy[what]).Round(time.Millisecond))
	}
	var quiet []time.Duration
	for _, w := range all {
		if !slices.ContainsFunc(slices.Concat(busy["flush"], busy["compaction"], busy["snapshot"]), w.meets) {
			quiet = append(quiet, w.took())
		}
	}
	t.Logf("writes during none of these: %s", waits(quiet))
}

// span is from when to when something went on.
type span struct{ from, to time.Time }

func (s span) took() time.Duration { return s.to.Sub(s.from) }

func (s span) meets(other span) bool { return s.from.Before(other.to) && other.from.Before(s.to) }

func sum(spans []span) (all time.Duration) {
	for _, s := range spans {
		all += s.took()
	}
	return all
}

// waits says how long so many took.
func waits(took []time.Duration) string {
	if len(took) == 0 {
		return "none"
	}
	slices.Sort(took)
	at := func(share int) time.Duration { return took[len(took)*share/100].Round(10 * time.Microsecond) }
	return fmt.Sprintf("p50 %s, p99 %s, longest %s, of %d", at(50), at(99), took[len(took)-1].Round(10*time.Microsecond), len(took))
}

// busyTimes reads from a member's log, in JSON with debug messages, when since some moment
// it flushed, compacted and took snapshots.
func busyTimes(t *testing.T, log string, since time.Time) map[string][]span {
	t.Helper()
	f, err := os.Open(log)
	must(t, err)
	defer func() { must(t, f.Close()) }()
	busy := map[string][]span{}
	var snapshot time.Time
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var line struct {
			Time time.Time
			Msg  string
			Took time.Duration
		}
		if json.Unmarshal(lines.Bytes(), &line) != nil || line.Time.Before(since) {
			continue
		}
		switch line.Msg {
		case "a layer was flushed", "pebble flushed":
			busy["flush"] = append(busy["flush"], span{line.Time.Add(-line.Took), line.Time})
		case "pebble compacted":
			busy["compaction"] = append(busy["compaction"], span{line.Time.Add(-line.Took), line.Time})
		case "starting snapshot up to":
			snapshot = line.Time
		case "snapshot complete up to":
			if snapshot.IsZero() {
				continue // it began before
			}
			busy["snapshot"] = append(busy["snapshot"], span{snapshot, line.Time})
		}
	}
	must(t, lines.Err())
	return busy
}
