package operations

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/internal/harness"
)

// TestManyContracts makes BPSC_CONTRACTS contracts with a block each BPSC_CONTRACTS_EVERY on one
// cluster, leaves it alone for BPSC_CONTRACTS_WATCH, and prints how far their blocks were apart, how old
// what no checkpoint covers yet, and what the idle members cost: scripts/contracts.sh. It fails
// where a contract is refused, a chain has no checkpoint or a block is missing, and asserts
// no time.
func TestManyContracts(t *testing.T) {
	n, err := strconv.Atoi(os.Getenv("BPSC_CONTRACTS"))
	if err != nil {
		t.Skip("long: scripts/contracts.sh")
	}
	every, err := time.ParseDuration(os.Getenv("BPSC_CONTRACTS_EVERY"))
	must(t, err)
	watch, err := time.ParseDuration(os.Getenv("BPSC_CONTRACTS_WATCH"))
	must(t, err)
	c := startCluster(t, harness.Options{Contract: timed("t0", every)})
	makeTimed(t, c, n, every)
	for i := range n {
		awaitCheckpoint(t, c.HTTP, c.Members[0].URL, fmt.Sprintf("t%d", i), 2)
	}
	from := time.Now()
	cost, terms := idleCost(t, c, watch)
	to := time.Now()
	leader, state := view(t, c)
	if terms != state.Term {
		t.Logf("an election meanwhile: term %d, and %d before", state.Term, terms)
	}
	for _, m := range c.Members {
		memory, err := m.Memory()
		must(t, err)
		role := "follows"
		if m == leader {
			role = "leads"
		}
		t.Logf("%d contracts, %s %-7s: %5.1f %% of a core, %d MiB anonymous", n, m.ID, role, 100*cost[m], memory.Anonymous>>20)
	}
	var gaps, ages []time.Duration
	for i := range n {
		token := fmt.Sprintf("t%d", i)
		ages = append(ages, uncovered(t, c, token))
	}
	for i := range n {
		g := punctual(t, c, fmt.Sprintf("t%d", i), from, to, every)
		if len(g) == 0 {
			t.Errorf("t%d has no blocks", i)
		}
		gaps = append(gaps, g...)
	}
	slices.Sort(gaps)
	slices.Sort(ages)
	t.Logf("%d contracts, %d blocks: apart %s", n, len(gaps), spread(gaps))
	t.Logf("%d contracts: the oldest block that no checkpoint covers is %s old", n, spread(ages))
}

// timed is a contract with blocks by time alone, also empty ones.
func timed(token string, every time.Duration) string {
	return fmt.Sprintf(`{"token":"%s","wallets":"open","schedule":{"every":"%s"}}`, token, every)
}

// makeTimed makes contracts t1 to t(n-1).
func makeTimed(t *testing.T, c *harness.Cluster, n int, every time.Duration) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	must(t, err)
	var group errgroup.Group
	group.SetLimit(8)
	began := time.Now()
	for i := 1; i < n; i++ {
		group.Go(func() error {
			resp, err := c.HTTP.Post(leader.URL+"/v1/contracts", "application/json", strings.NewReader(timed(fmt.Sprintf("t%d", i), every)))
			if err == nil && resp.StatusCode != http.StatusCreated {
				err = fmt.Errorf("t%d: %s", i, resp.Status)
			}
			if resp != nil {
				err = errors.Join(err, resp.Body.Close())
			}
			return err
		})
	}
	must(t, group.Wait())
	t.Logf("%d contracts made in %.1f s", n, time.Since(began).Seconds())
}

// awaitCheckpoint waits until a chain has a checkpoint of so many blocks at least.
func awaitCheckpoint(t *testing.T, client *http.Client, url, token string, blocks uint64) {
	t.Helper()
	until(t, time.Minute, token+" has a checkpoint", func(ctx context.Context) error {
		size, err := checkpointSize(ctx, client, url, token)
		if err == nil && size < blocks {
			err = fmt.Errorf("it is of %d blocks", size)
		}
		return err
	})
}

// checkpointSize is of how many blocks the newest checkpoint of a chain is: the second line
// of the note.
func checkpointSize(ctx context.Context, client *http.Client, url, token string) (uint64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/contracts/"+token+"/checkpoint", nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	note, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return 0, errors.Join(err, fmt.Errorf("%s: %.300s", resp.Status, note))
	}
	lines := strings.SplitN(string(note), "\n", 3)
	if len(lines) < 3 {
		return 0, fmt.Errorf("no note: %.300s", note)
	}
	return strconv.ParseUint(lines[1], 10, 64)
}

// idleCost leaves the cluster alone, and says what share of a core each member took, and in
// which term that began.
func idleCost(t *testing.T, c *harness.Cluster, watch time.Duration) (cost map[*harness.Member]float64, term uint64) {
	t.Helper()
	_, state := view(t, c)
	cost = map[*harness.Member]float64{}
	used := func(sign float64) {
		for _, m := range c.Members {
			cpu, err := m.CPU()
			must(t, err)
			cost[m] += sign * cpu.Seconds()
		}
	}
	used(-1)
	began := time.Now()
	<-time.After(watch)
	used(1)
	for m := range cost {
		cost[m] /= time.Since(began).Seconds()
	}
	return cost, state.Term
}

// uncovered is how long ago the first block of a chain was made that no checkpoint covers; 0:
// there is none.
func uncovered(t *testing.T, c *harness.Cluster, token string) time.Duration {
	t.Helper()
	url, asked := c.Members[0].URL, time.Now()
	size, err := checkpointSize(t.Context(), c.HTTP, url, token)
	must(t, err)
	for _, b := range blockTimes(t, c, token, size+1, 1) {
		return max(0, asked.Sub(b))
	}
	return 0
}

// punctual is how far the blocks of a chain are apart that were made within some time.
func punctual(t *testing.T, c *harness.Cluster, token string, from, to time.Time, every time.Duration) (gaps []time.Duration) {
	t.Helper()
	var info struct{ Length uint64 }
	must(t, harness.Get(t.Context(), c.HTTP, c.Members[0].URL+"/v1/contracts/"+token, &info))
	blocks := uint64(time.Since(from)/every) + 2
	var last time.Time
	for _, b := range blockTimes(t, c, token, max(info.Length, blocks+1)-blocks, blocks) {
		if b.Before(from) || b.After(to) {
			continue
		}
		if !last.IsZero() {
			gaps = append(gaps, b.Sub(last))
		}
		last = b
	}
	return gaps
}

// blockTimes are when some blocks of a chain were made.
func blockTimes(t *testing.T, c *harness.Cluster, token string, from, limit uint64) (at []time.Time) {
	t.Helper()
	var page struct{ Items []struct{ Timestamp float64 } }
	must(t, harness.Get(t.Context(), c.HTTP, fmt.Sprintf("%s/v1/blocks?contract=%s&from=%d&limit=%d", c.Members[0].URL, token, from, limit), &page))
	for _, b := range page.Items {
		at = append(at, time.UnixMicro(int64(b.Timestamp*1e6)))
	}
	return at
}

// spread says what is in the middle, at the 99th hundredth, and at the end.
func spread(sorted []time.Duration) string {
	at := func(share float64) time.Duration {
		return sorted[int(share*float64(len(sorted)-1))].Round(100 * time.Microsecond)
	}
	return fmt.Sprintf("%s (median), %s (p99), %s (longest)", at(0.5), at(0.99), at(1))
}
