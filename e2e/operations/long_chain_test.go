package operations

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

const (
	longBatch       = 5_000
	longConnections = 8
	longWallets     = 100_000
)

// TestLongChain writes BPSC_GROWTH transfers in blocks of BPSC_GROWTH_BLOCK through three
// members and prints what such a chain costs: scripts/growth.sh. It fails where a member keeps a log
// that it does not need, and asserts no time.
func TestLongChain(t *testing.T) {
	total, err := strconv.Atoi(os.Getenv("BPSC_GROWTH"))
	if err != nil {
		t.Skip("long: scripts/growth.sh")
	}
	perBlock, err := strconv.Atoi(os.Getenv("BPSC_GROWTH_BLOCK"))
	must(t, err)
	c := startCluster(t, harness.Options{Contract: fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d}}`, perBlock),
		Args: []string{"--log-level", "debug", "--log-format", "json"}})
	for part := range 4 {
		began, from := time.Now(), total/4*part
		lengthen(t, c, from, from+total/4)
		t.Logf("%10d transfers: %.0f a second", from+total/4, float64(total/4)/time.Since(began).Seconds())
		sizes(t, c, from+total/4)
	}
	quiet := p99While(t, c, func() { <-time.After(8 * time.Second) }) // and what came is merged meanwhile
	sizes(t, c, total)
	p99Beside(t, c, total)
	readLong(t, c)
	restartLong(t, c)
	began := time.Now()
	var joined time.Duration
	busy := p99While(t, c, func() {
		n4 := grow(t, c)
		works(t, c, "cluster", "add", "n4", n4.Raft)
		joined = time.Since(began)
	})
	t.Logf("a fourth member votes after %.1f s; p99 of writes %s before, %s meanwhile", joined.Seconds(), quiet, busy)
	sizes(t, c, total)
	smallLogs(t, c)
}

// lengthen writes transfers from one number to another.
func lengthen(t *testing.T, c *harness.Cluster, from, to int) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	must(t, err)
	var next atomic.Int64
	next.Store(int64(from))
	errs := make([]error, longConnections)
	var senders sync.WaitGroup
	for i := range errs {
		senders.Go(func() {
			for errs[i] == nil {
				first := int(next.Add(longBatch)) - longBatch
				if first >= to {
					return
				}
				errs[i] = sendLong(t.Context(), c.HTTP, leader.URL, first, min(first+longBatch, to))
			}
		})
	}
	senders.Wait()
	must(t, errs...)
}

// sendLong sends transfers in a batch. The keys make it safe to send again.
func sendLong(ctx context.Context, client *http.Client, url string, from, to int) error {
	body := []byte(`{"transactions":[`)
	for k := from; k < to; k++ {
		if k > from {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"sender":"wallet-%d","recipient":"wallet-%d","amount":1,"key":"long-%d"}`, k*104729%longWallets, (k*7919+1)%longWallets, k)
	}
	body = append(body, `]}`...)
	return takeBatch(ctx, client, url, string(body))
}

// sizes prints what each member has in memory and on the disk.
func sizes(t *testing.T, c *harness.Cluster, transfers int) {
	t.Helper()
	for _, m := range c.Members {
		memory, err := m.Memory()
		must(t, err)
		t.Logf("%10d transfers, %s: %d MiB anonymous, %d MiB mapped; the state %.1f bytes a transfer, the log %d MiB",
			transfers, m.ID, memory.Anonymous>>20, (memory.Now-memory.Anonymous)>>20,
			float64(onDisk(t, filepath.Join(m.Data, "state")))/float64(transfers), onDisk(t, filepath.Join(m.Data, "raft", "raft.db"))>>20)
	}
}

// onDisk is how many bytes the files of a folder have.
func onDisk(t *testing.T, dir string) (bytes int64) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil // files come and go
		}
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	}))
	return bytes
}

// readLong prints how fast the leader reads.
func readLong(t *testing.T, c *harness.Cluster) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	must(t, err)
	before, err := leader.Memory()
	must(t, err)
	began := time.Now()
	resp, err := c.HTTP.Get(leader.URL + "/chain")
	must(t, err)
	read, err := io.Copy(io.Discard, resp.Body)
	must(t, err, resp.Body.Close())
	after, err := leader.Memory()
	must(t, err)
	t.Logf("/chain: %.0f MB, %.0f MB/s; anonymous %d MiB before, %d MiB after", float64(read)/1e6,
		float64(read)/1e6/time.Since(began).Seconds(), before.Anonymous>>20, after.Anonymous>>20)
	for _, path := range []string{"/v1/accounts/wallet-77", "/v1/accounts/wallet-77/transactions?limit=100", "/v1/accounts/wallet-77/transactions?limit=100&order=asc"} {
		began := time.Now()
		var answer json.RawMessage
		must(t, harness.Get(t.Context(), c.HTTP, leader.URL+path, &answer))
		t.Logf("%s: %d bytes in %s", path, len(answer), time.Since(began).Round(10*time.Microsecond))
	}
}

// restartLong prints how long a member that was killed takes until it is ready again.
func restartLong(t *testing.T, c *harness.Cluster) {
	t.Helper()
	for _, m := range c.Members {
		must(t, m.Kill())
		began := time.Now()
		must(t, m.Start(), c.AwaitReady(t.Context(), time.Minute))
		t.Logf("%s is ready %.2f s after its start", m.ID, time.Since(began).Seconds())
	}
}

// smallLogs waits until no member's log is larger than it need be.
func smallLogs(t *testing.T, c *harness.Cluster) {
	t.Helper()
	const large = 300 << 20 // what a log may have, and what bbolt grows a file by
	until(t, time.Minute, "the logs are small", func(context.Context) error {
		for _, m := range c.Members {
			if bytes := onDisk(t, filepath.Join(m.Data, "raft", "raft.db")); bytes > large {
				return fmt.Errorf("%s has %d MiB", m.ID, bytes>>20)
			}
		}
		return nil
	})
}
