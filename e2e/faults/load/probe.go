package load

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// asking is how many requests of a check are under way at once.
const asking = 16

// funds is what each wallet of the signed contract begins with, in units.
const funds = 1_000_000_000

// Fund has the issuer give each wallet something.
func (l *Load) Fund(ctx context.Context) error {
	w := &worker{Load: l, name: "issuer", rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0))}
	for _, to := range Wallets() {
		op := history.Op{Sender: Issuer().Address, To: to, Units: funds}
		t := w.envelope(Issuer(), "transfer", sign.Fields{"recipient": to, "amount": sign.Units(funds)}, op)
		err := harness.Until(ctx, 20*time.Second, "a wallet has something", func(ctx context.Context) error {
			if got := w.attempt(ctx, w.name, w.node(), t); got.Verdict != history.Done {
				return fmt.Errorf("%+v", got)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Probed is how a transfer through a node went.
type Probed struct {
	Node
	Took   time.Duration // from the beginning of the probe on
	Failed error
}

// Probe has a new transfer acknowledged through each node, all at the same time.
func (l *Load) Probe(ctx context.Context, key string, limit time.Duration) []Probed {
	l.mu.Lock()
	nodes := l.nodes
	l.mu.Unlock()
	began, all := time.Now(), make([]Probed, len(nodes))
	var probing sync.WaitGroup
	for i, n := range nodes {
		w := &worker{Load: l, name: "probe", prefix: fmt.Sprintf("%s-%d", key, i), rng: rand.New(rand.NewPCG(uint64(i), 0))}
		t := w.transfer()
		t.body += "}"
		probing.Go(func() {
			err := harness.Until(ctx, limit, "an acknowledgement", func(ctx context.Context) error {
				if got := w.attempt(ctx, w.name, n, t); got.Verdict != history.Done {
					return fmt.Errorf("%s %d %s %s", got.Verdict, got.HTTP, got.Code, got.Error)
				}
				return nil
			})
			all[i] = Probed{n, time.Since(began), err}
		})
	}
	probing.Wait()
	return all
}

// Standing is where a contract's chain stands.
type Standing struct{ Length, Pending, Records int }

// Standing asks a node where a chain stands; a member for all that was acknowledged before.
func (l *Load) Standing(ctx context.Context, n Node, contract string) (at Standing, err error) {
	query := ""
	if n.Member {
		query = "?consistency=linearizable"
	}
	a, err := call(ctx, l.client, http.MethodGet, n.URL+"/v1/contracts/"+contract+query, "")
	if err == nil && a.status != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", n.ID, a.status, a.body)
	}
	if err == nil {
		err = json.Unmarshal(a.body, &at)
	}
	return at, err
}

// Fates asks for what is remembered of transactions, and returns the codes of those that are
// said to be refused. Each answer is to come within a time.
func (l *Load) Fates(ctx context.Context, n Node, contract string, ids []string, within time.Duration) (map[string]string, error) {
	codes := make([]string, len(ids))
	all, ctx := errgroup.WithContext(ctx)
	all.SetLimit(asking)
	for i, id := range ids {
		all.Go(func() error {
			return harness.Until(ctx, within, n.ID+" says what became of "+id, func(ctx context.Context) error {
				a, err := call(ctx, l.client, http.MethodGet, n.URL+"/v1/transactions/"+id+"?contract="+contract, "")
				var s said
				if err == nil && a.status == http.StatusOK {
					err = json.Unmarshal(a.body, &s)
				} else if err == nil && a.status != http.StatusNotFound {
					err = fmt.Errorf("%d %s", a.status, a.body)
				}
				codes[i] = s.Code
				return err
			})
		})
	}
	err := all.Wait()
	fates := map[string]string{}
	for i, id := range ids {
		if codes[i] != "" {
			fates[id] = codes[i]
		}
	}
	return fates, err
}
