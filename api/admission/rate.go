package admission

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Limit is how often something may be done: once Every in the long run, and Burst
// times at once. The zero value is no limit.
type Limit struct {
	Every time.Duration
	Burst int
}

// errLimit says how a limit is written.
var errLimit = errors.New("not a rate, such as 100 (a second) or 100:500 (at once), or 0 for none")

// maxPerSecond is more than any node does.
const maxPerSecond = 1_000_000

// ParseLimit reads a limit: so many a second, and after a colon how many at once,
// which is ten seconds' worth where it is not said. 0 is no limit.
func ParseLimit(text string) (l Limit, err error) {
	rate, burst, said := strings.Cut(text, ":")
	perSecond, err := strconv.ParseFloat(rate, 64)
	if err != nil || !(perSecond >= 0 && perSecond <= maxPerSecond) {
		return Limit{}, fmt.Errorf("%q is %w", text, errLimit)
	}
	l.Burst = max(1, int(10*perSecond))
	if said {
		if l.Burst, err = strconv.Atoi(burst); err != nil || l.Burst < 1 || l.Burst > 10*maxPerSecond {
			return Limit{}, fmt.Errorf("%q is %w", text, errLimit)
		}
	}
	if perSecond == 0 {
		return Limit{}, nil
	}
	if perSecond < 1e-6 {
		return Limit{}, fmt.Errorf("%q is %w", text, errLimit)
	}
	l.Every = time.Duration(float64(time.Second) / perSecond)
	return l, nil
}

// String is the limit as ParseLimit reads it.
func (l Limit) String() string {
	if l.Every <= 0 {
		return "0"
	}
	return strconv.FormatFloat(float64(time.Second)/float64(l.Every), 'g', 6, 64) + ":" + strconv.Itoa(l.Burst)
}

// Rate holds each of many to a limit of its own. It keeps a row, a moment, for each
// of those that were heard of last; whoever is pushed out begins anew, so there is to
// be room for more of them than can come in the time that a burst takes to come back.
type Rate[K comparable] struct {
	mu    sync.Mutex // guards what follows
	limit Limit
	// until is when what was done by each, at the pace of the limit, is all paid for.
	until *simplelru.LRU[K, time.Time]
}

// NewRate returns a rate that knows so many at a time.
func NewRate[K comparable](l Limit, most int) *Rate[K] {
	until, _ := simplelru.NewLRU[K, time.Time](max(1, most), nil) // it fails below 1
	return &Rate[K]{limit: l, until: until}
}

// Set makes it another limit, for what comes from now on.
func (r *Rate[K]) Set(l Limit) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.limit = l
}

// Take counts that it is done cost times now. If that may not be, it counts nothing
// and tells how long it will be until it may. What costs more than is left, or more
// than the burst, is done on credit, and what comes after it waits the longer: what is
// large need not wait until nothing else was done for a while.
func (r *Rate[K]) Take(who K, cost int, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit.Every <= 0 {
		return 0
	}
	until := r.paid(who, now)
	if wait = until.Sub(now) - time.Duration(r.limit.Burst-1)*r.limit.Every; wait > 0 {
		return wait
	}
	r.until.Add(who, until.Add(time.Duration(cost)*r.limit.Every))
	return 0
}

// Charge counts what is done in any case, and tells how long it would have to wait for
// its turn.
func (r *Rate[K]) Charge(who K, cost int, now time.Time) (wait time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.limit.Every <= 0 {
		return 0
	}
	until := r.paid(who, now)
	r.until.Add(who, until.Add(time.Duration(cost)*r.limit.Every))
	return max(0, until.Sub(now)-time.Duration(r.limit.Burst-1)*r.limit.Every)
}

func (r *Rate[K]) paid(who K, now time.Time) time.Time {
	if until, ok := r.until.Get(who); ok && until.After(now) {
		return until
	}
	return now
}
