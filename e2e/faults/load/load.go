package load

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/sign"
)

// The two contracts that clients use.
const (
	Open   = "aka"
	Signed = "gold"
)

// wallets is how many there are in each contract, few enough that they meet.
const wallets = 12

// Load is clients at work. Start and Stop are called by one goroutine, again and again; in
// between, the workers own what they were given.
type Load struct {
	Book    *history.Book
	Chain   sign.Chain        // of the signed contract
	Origins map[string]string // of the contracts' checkpoints
	client  *http.Client

	stop    atomic.Bool
	workers sync.WaitGroup
	giveUp  context.CancelFunc // of Start and Stop

	mu        sync.Mutex // guards what follows
	nodes     []Node
	witnesses []Node
	holds     []hold
	pages     []Page
	seen      []Shown
	stuck     []string // ids that nobody could get decided in the end
}

// hold is one that clients may decide.
type hold struct {
	id, from, to string
}

// New are clients that note in a book what they do.
func New(book *history.Book, client *http.Client) *Load { return &Load{Book: book, client: client} }

// Talk has clients talk to these nodes from now on.
func (l *Load) Talk(nodes []Node) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nodes = nodes
}

// Start has one worker of each kind begin, and of the commonest more. Each waits between what
// it does, so that there is room on two cores for the cluster.
func (l *Load) Start(ctx context.Context, seed, round uint64) {
	l.stop.Store(false)
	ctx, l.giveUp = context.WithCancel(ctx)
	kinds := []struct {
		name string
		n    int
		does func(*worker, context.Context)
	}{
		{"single", 4, (*worker).single},
		{"batch", 1, (*worker).many},
		{"signed", 4, (*worker).signed},
		{"owner", 1, (*worker).rule},
		{"reader", 3, (*worker).read},
		{"asker", 2, (*worker).ask},
		{"pager", 1, (*worker).page},
		{"auditor", 1, (*worker).checkpoint},
		{"monitor", 1, (*worker).monitor},
	}
	stream := round << 8
	for _, k := range kinds {
		for i := range k.n {
			stream++
			w := &worker{Load: l, name: fmt.Sprintf("%s-%d", k.name, i+1), rng: rand.New(rand.NewPCG(seed, stream)), prefix: fmt.Sprintf("%d-%d-%s-%d", seed, round, k.name, i)}
			l.workers.Go(func() {
				for !l.stop.Load() && ctx.Err() == nil {
					k.does(w, ctx)
					w.rest(ctx)
				}
			})
		}
	}
}

// Stop lets the workers finish what they have begun, within a time, and returns the ids of which they
// could not learn what became of them. Before it they go on asking: all of a round's faults, and what healing takes.
func (l *Load) Stop(within time.Duration) (stuck []string) {
	l.stop.Store(true)
	late := time.AfterFunc(within, l.giveUp)
	l.workers.Wait()
	late.Stop()
	l.giveUp()
	l.mu.Lock()
	defer l.mu.Unlock()
	stuck, l.stuck = l.stuck, nil
	return stuck
}

// worker is one client. Only its goroutine uses it.
type worker struct {
	*Load
	name   string
	prefix string // of the keys that it makes up
	rng    *rand.Rand
	n      int
}

// rest waits between two requests.
func (w *worker) rest(ctx context.Context) {
	pause := time.NewTimer(time.Duration(5+w.rng.IntN(30)) * time.Millisecond)
	defer pause.Stop()
	select {
	case <-pause.C:
	case <-ctx.Done():
	}
}

func (w *worker) node() Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[w.rng.IntN(len(w.nodes))]
}

// insist sends a transaction until it is known what became of it, each time to somebody. Some
// give up: after a 503 as it promises that nothing happened, or just so.
func (w *worker) insist(ctx context.Context, t transaction) history.Op {
	gives, forgets := w.rng.IntN(4) == 0, w.rng.IntN(25) == 0
	for n := 0; ; n++ {
		op := w.attempt(ctx, w.name, w.node(), t)
		switch {
		case op.Verdict == history.Done || op.Verdict == history.Refused:
			if w.rng.IntN(20) == 0 { // the answer must be the same
				w.attempt(ctx, w.name, w.node(), t)
			}
			return op
		case gives && n == 0 && op.Verdict == history.NotApplied && op.HTTP == http.StatusServiceUnavailable, forgets && op.Verdict == history.Unknown:
			return op
		case ctx.Err() != nil:
			w.mu.Lock()
			w.stuck = append(w.stuck, t.op.ID)
			w.mu.Unlock()
			return op
		}
		w.rest(ctx)
	}
}

// transfer is a new one of the open contract.
func (w *worker) transfer() transaction {
	w.n++
	key := fmt.Sprintf("%s-%d", w.prefix, w.n)
	sum := sha256.Sum256([]byte(key))
	from, to, units := w.rng.IntN(wallets), w.rng.IntN(wallets-1), int64(2+w.rng.IntN(5_000_000))
	if to >= from {
		to++
	}
	op := history.Op{ID: hex.EncodeToString(sum[:]), Request: "transfer", Sender: fmt.Sprintf("w%d", from), To: fmt.Sprintf("w%d", to), Units: units}
	return transaction{contract: Open, key: key, op: op,
		body: fmt.Sprintf(`{"sender":"%s","recipient":"%s","amount":"%d.%06d"`, op.Sender, op.To, units/1_000_000, units%1_000_000)}
}

func (w *worker) single(ctx context.Context) {
	t := w.transfer()
	t.body += "}"
	w.insist(ctx, t)
}

// many sends a batch, and alone what that leaves open.
func (w *worker) many(ctx context.Context) {
	var all []transaction
	for range 2 + w.rng.IntN(20) {
		t := w.transfer()
		alone := t.body
		t.body = fmt.Sprintf(`%s,"key":"%s"}`, alone, t.key)
		all = append(all, t)
	}
	for i, op := range w.batch(ctx, w.name, w.node(), Open, all) {
		if op.Verdict == history.Unknown || op.Verdict == history.NotApplied && i%3 > 0 {
			t := all[i]
			t.body = fmt.Sprintf(`{"sender":"%s","recipient":"%s","amount":"%d.%06d"}`, op.Sender, op.To, op.Units/1_000_000, op.Units%1_000_000)
			w.insist(ctx, t)
		}
	}
}
