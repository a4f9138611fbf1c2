package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// LoadOptions say what to send.
type LoadOptions struct {
	Workers  int
	Seed     uint64
	Contract string // token; "" for the default contract
	// Abandon is the share of transfers, 0 to 1, whose sender gives up almost
	// at once and never learns what became of them.
	Abandon float64
	// Through are URLs of followers that pass transfers on; they get their share
	// beside the members.
	Through []string
	// Attempt bounds one attempt to send, where retries must not wait for
	// somebody who waits himself; 10 s when 0.
	Attempt time.Duration
	// Retry tells whether to send again with the same key after an error. The
	// default retries everything but a refusal.
	Retry func(error) bool
}

// Sent is one transfer and what its sender knows of it.
type Sent struct {
	Transfer
	Ack   Ack
	Acked bool
	began time.Time // the attempt that was acknowledged
	ended time.Time
}

// ID is the id that the ledger gives to a transfer with a key.
func (t Transfer) ID() string {
	sum := sha256.Sum256([]byte(t.Key))
	return hex.EncodeToString(sum[:])
}

// Load sends transfers to all members of a cluster, and through followers,
// until it is stopped.
type Load struct {
	cluster *Cluster
	options LoadOptions
	urls    []string // one of them at random for each request
	stop    atomic.Bool
	workers sync.WaitGroup

	mu       sync.Mutex // guards what follows
	sent     []Sent
	failures []error
	acked    int
}

// StartLoad starts the workers; they end on Stop, or when ctx does.
func (c *Cluster) StartLoad(ctx context.Context, o LoadOptions) *Load {
	if o.Retry == nil {
		o.Retry = RetryUnlessRefused
	}
	if o.Attempt == 0 {
		o.Attempt = 10 * time.Second
	}
	l := &Load{cluster: c, options: o, urls: append(c.URLs(), o.Through...)}
	for w := range o.Workers {
		l.workers.Go(func() { l.work(ctx, w) })
	}
	return l
}

// RetryUnlessRefused is right for a client whose every transfer has a key:
// whatever it does not know to be refused it may send again.
func RetryUnlessRefused(err error) bool {
	var p *Problem
	return !errors.As(err, &p) || p.Status >= 500
}

func (l *Load) work(ctx context.Context, worker int) {
	rng := rand.New(rand.NewPCG(l.options.Seed, uint64(worker)))
	for n := 0; !l.stop.Load() && ctx.Err() == nil; n++ {
		t := Transfer{
			Contract:  l.options.Contract,
			Sender:    "account-" + strconv.Itoa(rng.IntN(40)),
			Recipient: "account-" + strconv.Itoa(40+rng.IntN(40)),
			Amount:    json.Number(strconv.Itoa(1 + rng.IntN(1_000_000))),
			Key:       fmt.Sprintf("load-%d-%d-%d", l.options.Seed, worker, n),
		}
		if rng.Float64() < l.options.Abandon {
			l.abandon(ctx, rng, t)
			continue
		}
		l.insist(ctx, rng, t)
	}
}

// abandon sends once and hardly waits.
func (l *Load) abandon(ctx context.Context, rng *rand.Rand, t Transfer) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(rng.IntN(3000))*time.Microsecond)
	defer cancel()
	began := time.Now()
	ack, err := l.cluster.Submit(ctx, l.pick(rng), t)
	l.note(Sent{Transfer: t, Ack: ack, Acked: err == nil, began: began, ended: time.Now()})
}

// insist sends until the transfer is acknowledged, each time to somebody else;
// now and then it asks once more, and the answer must be the same.
func (l *Load) insist(ctx context.Context, rng *rand.Rand, t Transfer) {
	s := Sent{Transfer: t}
	err := Until(ctx, time.Minute, "transfer "+t.Key+" is acknowledged", func(ctx context.Context) (err error) {
		ctx, cancel := context.WithTimeout(ctx, l.options.Attempt)
		defer cancel()
		s.began = time.Now()
		s.Ack, err = l.cluster.Submit(ctx, l.pick(rng), t)
		s.ended = time.Now()
		if err != nil && !l.options.Retry(err) {
			return Permanent(err)
		}
		return err
	})
	s.Acked = err == nil
	l.note(s)
	if err != nil {
		l.fail(err)
		return
	}
	if rng.IntN(10) == 0 {
		l.askAgain(ctx, rng, s)
	}
}

func (l *Load) askAgain(ctx context.Context, rng *rand.Rand, s Sent) {
	again, err := l.cluster.Submit(ctx, l.pick(rng), s.Transfer)
	if err != nil {
		return // a dying member; the first answer stands
	}
	if !again.Replay || again.ID != s.Ack.ID || again.Block != s.Ack.Block || again.Position != s.Ack.Position {
		l.fail(fmt.Errorf("transfer %s was answered with %+v, and sent again with %+v", s.Key, s.Ack, again))
	}
}

func (l *Load) pick(rng *rand.Rand) string { return l.urls[rng.IntN(len(l.urls))] }

func (l *Load) note(s Sent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, s)
	if s.Acked {
		l.acked++
	}
}

func (l *Load) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = append(l.failures, err)
}

// Acked counts the acknowledged transfers so far.
func (l *Load) Acked() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.acked
}

// AwaitMore waits until n more transfers have been acknowledged.
func (l *Load) AwaitMore(ctx context.Context, n int) error {
	goal := l.Acked() + n
	return Until(ctx, time.Minute, fmt.Sprintf("%d more transfers are acknowledged", n), func(context.Context) error {
		if got := l.Acked(); got < goal {
			return fmt.Errorf("%d are missing", goal-got)
		}
		return nil
	})
}

// Stop lets the workers finish what they have begun and returns all that was
// sent, and what went wrong.
func (l *Load) Stop() ([]Sent, error) {
	l.stop.Store(true)
	l.workers.Wait()
	return l.sent, errors.Join(l.failures...)
}

// KillLeader kills the leader under load and returns how long it took from
// there until a transfer was acknowledged that was sent afterwards.
func (c *Cluster) KillLeader(ctx context.Context, l *Load) (time.Duration, error) {
	leader, err := c.Leader(ctx)
	if err != nil {
		return 0, err
	}
	died := time.Now()
	if err := leader.Kill(); err != nil {
		return 0, err
	}
	return l.failover(ctx, died)
}

// PauseLeader stops the leader in its tracks until the others have gone on
// without it, and lets it wake up in the belief that it leads.
func (c *Cluster) PauseLeader(ctx context.Context, l *Load) error {
	leader, err := c.Leader(ctx)
	if err != nil {
		return err
	}
	paused := time.Now()
	if err := leader.Pause(); err != nil {
		return err
	}
	_, err = l.failover(ctx, paused)
	return errors.Join(err, leader.Resume())
}

// failover waits for the first acknowledged transfer whose last attempt began
// after the given moment, and returns how long after it was acknowledged.
func (l *Load) failover(ctx context.Context, since time.Time) (time.Duration, error) {
	var first time.Duration
	err := Until(ctx, 30*time.Second, "a transfer is acknowledged after the kill", func(context.Context) error {
		l.mu.Lock()
		defer l.mu.Unlock()
		// Newest first: all that began before the kill lies behind.
		for i := len(l.sent) - 1; i >= 0 && l.sent[i].ended.After(since); i-- {
			if s := l.sent[i]; s.Acked && s.began.After(since) {
				if d := s.ended.Sub(since); first == 0 || d < first {
					first = d
				}
			}
		}
		if first == 0 {
			return errors.New("none yet")
		}
		return nil
	})
	return first, err
}
