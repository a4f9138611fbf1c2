package operations

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

const (
	manyTransactions = 1_000_000
	batchSize        = 1_000
	// What may happen while a member copies so many: it is a voter within voterIn, and
	// the slowest hundredth of the writes takes at most slower times as long.
	voterIn = 60 * time.Second
	slower  = 2
	// ownCores are enough for four members and the load beside each other.
	ownCores = 8
)

// fill writes so many transfers in batches.
func fill(t *testing.T, c *harness.Cluster, transfers int) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	must(t, err)
	var next atomic.Int64
	errs := make([]error, 4)
	var senders sync.WaitGroup
	for i := range errs {
		senders.Go(func() {
			for n := int(next.Add(1)); n <= transfers/batchSize && errs[i] == nil; n = int(next.Add(1)) {
				errs[i] = sendBatch(t.Context(), c.HTTP, leader.URL, n)
			}
		})
	}
	senders.Wait()
	must(t, errs...)
}

// sendBatch sends batch n. The keys make it safe to send again.
func sendBatch(ctx context.Context, client *http.Client, url string, n int) error {
	var body strings.Builder
	body.WriteString(`{"transactions":[`)
	for i := range batchSize {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"sender":"s%d","recipient":"r%d","amount":%d,"key":"fill-%d-%d"}`, i%100, (i+n)%1000, 1+i, n, i)
	}
	body.WriteString(`]}`)
	return takeBatch(ctx, client, url, body.String())
}

// takeBatch sends a batch until it is taken.
func takeBatch(ctx context.Context, client *http.Client, url, body string) error {
	return harness.Until(ctx, time.Minute, "a batch is taken", func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/transactions:batch", strings.NewReader(body))
		if err != nil {
			return harness.Permanent(err)
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		answer, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %.300s", resp.Status, answer)
		}
		return err
	})
}

// A member is added to a chain of a million transactions while others write.
func TestAddAMemberToALongChain(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Contract: fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d},"on_request":true}`, batchSize)})
	began := time.Now()
	fill(t, c, manyTransactions)
	t.Logf("%d transactions made in %v", manyTransactions, time.Since(began).Round(time.Second))

	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 5})
	from := time.Now()
	must(t, load.AwaitMore(t.Context(), 2000))
	n4 := grow(t, c)
	before := time.Now()
	works(t, c, "cluster", "add", "n4", n4.Raft)
	after := time.Now()
	sent, err := load.Stop()
	must(t, err)

	quiet, busy := harness.Latency(sent, from, before, 0.99), harness.Latency(sent, before, after, 0.99)
	t.Logf("a voter after %v; p99 of writes %v before and %v meanwhile; longest time without an acknowledged write %v",
		after.Sub(before).Round(time.Second/10), quiet, busy, harness.Gap(sent).Round(time.Millisecond))
	if took := after.Sub(before); took > voterIn {
		t.Errorf("a voter after %v, at most %v are allowed", took, voterIn)
	}
	// Members have machines of their own. Where the new one shares its cores with the
	// others and with those who write, the figure is of the machine, and only printed.
	if runtime.NumCPU() >= ownCores && busy > slower*quiet {
		t.Errorf("the slowest hundredth of the writes took %v, and %v before", busy, quiet)
	}
	verifyAll(t, c, sent)
}
