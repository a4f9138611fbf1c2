package store_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

// TestGrowth applies BPSC_GROWTH transfers to a machine without a cluster, in blocks of
// BPSC_GROWTH_BLOCK records, and prints what a transfer costs as the chain becomes long:
// processor time of the process without what made the requests, and what is on the disk.
// With BPSC_GROWTH_PROFILES, a folder, there is a CPU profile of each line in it.
// scripts/growth.sh runs it. It asserts nothing: a time is no test.
func TestGrowth(t *testing.T) {
	total := setting(t, "BPSC_GROWTH", 0)
	if total == 0 {
		t.Skip("long: scripts/growth.sh")
	}
	dir := os.Getenv("BPSC_GROWTH_DIR")
	if dir == "" {
		dir = t.TempDir()
	}
	g := newGrowth(t, filepath.Join(dir, "state"), setting(t, "BPSC_GROWTH_BLOCK", 10))
	g.profiles = os.Getenv("BPSC_GROWTH_PROFILES")
	g.profile()
	fmt.Printf("%10s %9s %9s %9s %9s %9s %9s %9s %7s %7s %14s\n", "transfers", "apply us", "beside us", "wall us", "flushed B", "merged B", "disk B", "anon MiB", "p50 ms", "p99 ms", "MiB hashed us")
	for at := 10_000; at < total; at += max(10_000, at/2/1000*1000) {
		if at > g.n {
			g.to(at)
			g.report()
		}
	}
	g.to(total)
	g.report()
	pprof.StopCPUProfile()
	g.snapshot(t.TempDir())
	g.reopen(dir)
	g.read()
	if testing.Verbose() {
		fmt.Println(g.s.Metrics().String())
	}
}

func setting(t *testing.T, name string, otherwise int) int {
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err, name)
	return n
}

const (
	growthWallets = 100_000
	growthTime    = 1_700_000_000_000_000 // unix microseconds, of genesis
)

// growth is a machine whose chain is made longer, and what that has cost so far.
type growth struct {
	t        *testing.T
	s        *store.Store
	m        *fsm.Machine
	n        int
	cost     cost
	took     []time.Duration // by each Apply since the last report
	profiles string          // a folder for a CPU profile of what each line of the report says; "": none
	printed  struct {
		n    int
		cost cost
	}
}

// cost is processor time of Apply's own thread and of all others, and the time that
// passed.
type cost struct {
	apply, beside, wall time.Duration
	flushed, merged     int64
}

func newGrowth(t *testing.T, dir string, perBlock int) *growth {
	s, err := store.Open(store.Config{Dir: dir})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	g := &growth{t: t, s: s, m: fsm.New(s)}
	if info, err := s.Contract("aka"); err == nil {
		g.n = int(info.Records) // go on with what is there
		g.printed.n = g.n
		return g
	}
	create := fmt.Sprintf(`{"token":"aka","wallets":"open","schedule":{"transactions":%d}}`, perBlock)
	_, err = g.m.Apply(1, growthTime, [][]byte{command.Encode(&command.Create{Contract: []byte(create)})})
	require.NoError(t, err)
	require.NoError(t, s.Update(2, func(tx *store.Tx) error { tx.SetLevel(release.For(release.Newest)); return nil }))
	return g
}

// to adds transfers until there are n.
func (g *growth) to(n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for g.n < n {
		all, thread := used(unix.RUSAGE_SELF), used(unix.RUSAGE_THREAD)
		requests := g.requests(min(5000, n-g.n))
		before, began := used(unix.RUSAGE_THREAD), time.Now()
		_, err := g.m.Apply(g.s.AppliedIndex()+1, growthTime+int64(g.n), requests)
		require.NoError(g.t, err)
		took := time.Since(began)
		g.cost.wall += took
		g.took = append(g.took, took)
		after := used(unix.RUSAGE_THREAD)
		g.cost.apply += after - before
		g.cost.beside += used(unix.RUSAGE_SELF) - all - (after - thread)
	}
}

// requests are for so many more transfers.
func (g *growth) requests(count int) (requests [][]byte) {
	for count > 0 {
		txs := make([]chain.Transaction, min(1000, count))
		count -= len(txs)
		for i := range txs {
			txs[i] = chain.Transaction{
				ID:        chain.DeriveID([]byte("key" + strconv.Itoa(g.n))),
				Sender:    "wallet-" + strconv.Itoa(g.n*104729%growthWallets),
				Recipient: "wallet-" + strconv.Itoa((g.n*7919+1)%growthWallets),
				Amount:    1_000_000,
			}
			g.n++
		}
		requests = append(requests, command.Encode(&command.Submit{Token: "aka", Transactions: txs}))
	}
	return requests
}

// report prints what a transfer has cost since the last report.
func (g *growth) report() {
	if g.n == g.printed.n {
		return // the folder has them already
	}
	m := g.s.Metrics()
	g.cost.flushed, g.cost.merged = 0, 0
	for _, l := range m.Levels {
		g.cost.flushed += int64(l.TableBytesFlushed + l.BlobBytesFlushed)
		g.cost.merged += int64(l.TableBytesCompacted) // what is in blob files stays there
	}
	now, was := g.cost, g.printed.cost
	n := int64(g.n - g.printed.n)
	each := func(d time.Duration) float64 { return d.Seconds() * 1e6 / float64(n) }
	fmt.Printf("%10d %9.2f %9.2f %9.2f %9d %9d %9d %9d %7.1f %7.1f %14.0f\n", g.n, each(now.apply-was.apply), each(now.beside-was.beside), each(now.wall-was.wall),
		(now.flushed-was.flushed)/n, (now.merged-was.merged)/n, int(m.DiskSpaceUsage())/g.n, anonymous(g.t)>>20,
		g.share(0.5), g.share(0.99), hashing())
	g.took = g.took[:0]
	g.printed.n, g.printed.cost = g.n, now
	g.profile()
}

// profile ends the profile of what was added since the last report, and begins another.
func (g *growth) profile() {
	if g.profiles == "" {
		return
	}
	pprof.StopCPUProfile()
	file, err := os.Create(filepath.Join(g.profiles, fmt.Sprintf("from-%08d.cpu", g.n)))
	require.NoError(g.t, err)
	g.t.Cleanup(func() { require.NoError(g.t, file.Close()) })
	require.NoError(g.t, pprof.StartCPUProfile(file))
}

func used(who int) time.Duration {
	var u unix.Rusage
	if unix.Getrusage(who, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// share is the time in milliseconds within which that share of the calls of Apply, of
// 5,000 transfers each, have ended.
func (g *growth) share(share float64) float64 {
	slices.Sort(g.took)
	return 1000 * g.took[int(share*float64(len(g.took)-1))].Seconds()
}

// snapshot prints what a snapshot does to Apply beside it.
func (g *growth) snapshot(dir string) {
	began, ended := time.Now(), make(chan error, 1)
	var took time.Duration
	go func() {
		var err error
		for i := range 5 {
			err = errors.Join(err, g.s.Snapshot(g.t.Context(), filepath.Join(dir, strconv.Itoa(i))))
		}
		took = time.Since(began)
		ended <- err
	}()
	for done := false; !done; {
		select {
		case err := <-ended:
			require.NoError(g.t, err)
			done = true
		default:
			g.to(g.n + 5000)
		}
	}
	fmt.Printf("five snapshots, %v each; Apply beside them: p50 %.1f ms, p99 %.1f ms\n", took/5, g.share(0.5), g.share(0.99))
	g.took = g.took[:0]
}

// reopen prints how long a start takes.
func (g *growth) reopen(dir string) {
	require.NoError(g.t, g.s.Close())
	began := time.Now()
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state")})
	require.NoError(g.t, err)
	g.s, g.m = s, fsm.New(s)
	g.t.Cleanup(func() { require.NoError(g.t, s.Close()) })
	opened := time.Since(began)
	s.AwaitFilter()
	fmt.Printf("open after %v, its filter of ids whole after %v\n", opened.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
}

// read prints how fast blocks, histories and single records are read.
func (g *growth) read() {
	began, size := time.Now(), 0
	require.NoError(g.t, g.s.Blocks("aka", 1, 0, func(_ uint64, b []byte) error { size += len(b); return nil }))
	fmt.Printf("all %d MB of blocks at %.0f MB/s\n", size>>20, float64(size)/1e6/time.Since(began).Seconds())
	for _, oldest := range []bool{false, true} {
		began := time.Now()
		page, err := g.s.History("aka", "wallet-7", chain.HistoryQuery{Limit: 100, OldestFirst: oldest})
		require.NoError(g.t, err)
		fmt.Printf("a page of a history, oldest first %v: %d records in %v\n", oldest, len(page.Records), time.Since(began).Round(time.Microsecond))
	}
	for name, first := range map[string]int{"newest": g.n - 1000, "oldest": 0} {
		began := time.Now()
		for k := first; k < first+1000; k++ {
			_, err := g.s.Transaction("aka", chain.DeriveID([]byte("key"+strconv.Itoa(k))))
			require.NoError(g.t, err)
		}
		fmt.Printf("the %s thousand by id: %v each\n", name, time.Since(began)/1000)
	}
}

// anonymous is how many bytes of the process are in memory and of no file.
func anonymous(t *testing.T) (bytes int) {
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); f[0] == "Anonymous:" {
			bytes, err = strconv.Atoi(f[1])
			require.NoError(t, err)
		}
	}
	return bytes << 10
}

// hashing is what a computation that is always the same takes, SHA-256 of a MiB, in
// microseconds of the thread: where it becomes dearer the machine does.
func hashing() float64 {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	text := make([]byte, 1<<20)
	before := used(unix.RUSAGE_THREAD)
	for range 20 {
		sum := sha256.Sum256(text)
		copy(text, sum[:])
	}
	return (used(unix.RUSAGE_THREAD) - before).Seconds() * 1e6 / 20
}
