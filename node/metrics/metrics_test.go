package metrics

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gometrics "github.com/armon/go-metrics"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// ledger is a state with chains.
type ledger struct {
	t       testing.TB
	store   *store.Store
	machine *fsm.Machine
	now     time.Time
}

func newLedger(t testing.TB, now time.Time) *ledger {
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "state")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return &ledger{t, s, fsm.New(s), now}
}

func (l *ledger) apply(requests ...command.Request) {
	var encoded [][]byte
	for _, r := range requests {
		encoded = append(encoded, command.Encode(r))
	}
	_, err := l.machine.Apply(l.store.AppliedIndex()+1, l.now.UnixMicro(), encoded)
	require.NoError(l.t, err)
}

func (l *ledger) create(token, schedule string) {
	l.apply(&command.Create{Contract: fmt.Appendf(nil, `{"token":%q,"wallets":"open","schedule":%s}`, token, schedule)})
}

func (l *ledger) pay(token, key string) {
	l.apply(&command.Submit{Token: token, Transactions: []chain.Transaction{{
		ID: chain.DeriveID([]byte(key)), Sender: "alice", Recipient: "bob", Amount: 1_000_000}}})
}

func none() Covered { return func(string) uint64 { return 0 } }

// values are those of a metric by the values of its labels.
func values(t testing.TB, c prometheus.Collector, name string) map[string]float64 {
	registry := prometheus.NewPedanticRegistry()
	require.NoError(t, registry.Register(c))
	families, err := registry.Gather()
	require.NoError(t, err)
	found := map[string]float64{}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.Metric {
			var labels []string
			for _, l := range m.Label {
				labels = append(labels, l.GetValue())
			}
			found[strings.Join(labels, " ")] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return found
}

// A chain to which nothing happens is quiet, however old its newest block is. One
// whose block does not come is stalled, and says for how long.
func TestAQuietChainIsToldFromAStalledOne(t *testing.T) {
	began := time.Now().Add(-time.Hour)
	l := newLedger(t, began)
	l.create("quiet", `{"every":"1s","empty":false}`)
	l.create("stalled", `{"every":"1s","empty":false}`)
	l.create("asked", `{}`)
	l.pay("stalled", "k")
	l.pay("asked", "k")
	overdue := values(t, Chains(l.store, none), "bpsc_chain_block_overdue_seconds")
	require.Zero(t, overdue["quiet"])
	require.Zero(t, overdue["asked"], "it makes blocks on request only")
	require.InDelta(t, time.Since(began).Seconds()-1, overdue["stalled"], 10)
	require.InDelta(t, overdue["stalled"], values(t, Ledger(l.store), "bpsc_ledger_overdue_seconds")[""], 10)

	l.now = time.Now()
	l.apply() // what a tick is: the block is made
	require.Less(t, values(t, Chains(l.store, none), "bpsc_chain_block_overdue_seconds")["stalled"], 1.0)
	require.Zero(t, values(t, Ledger(l.store), "bpsc_ledger_overdue_seconds")[""])
}

// The age of what no checkpoint covers is that of its first block, and of nothing 0.
func TestTheLagOfCheckpoints(t *testing.T) {
	began := time.Now().Add(-time.Hour)
	l := newLedger(t, began)
	l.create("aka", `{"transactions":1}`)
	for i := range 4 {
		l.now = l.now.Add(time.Minute)
		l.pay("aka", fmt.Sprint(i))
	}
	for covered, want := range map[uint64]struct{ blocks, seconds float64 }{
		0: {5, 3600}, 1: {4, 3540}, 4: {1, 3360}, 5: {0, 0}, 9: {0, 0}, // a checkpoint may be ahead of this replica
	} {
		c := Chains(l.store, func() Covered { return func(string) uint64 { return covered } }, "w1")
		require.Equal(t, want.blocks, values(t, c, "bpsc_checkpoint_lag_blocks")["aka"], covered)
		require.InDelta(t, want.seconds, values(t, c, "bpsc_checkpoint_lag_seconds")["aka"], 20, covered)
		require.Equal(t, float64(min(covered, 5)), values(t, c, "bpsc_witness_lag_blocks")["w1"], covered)
	}
}

// With as many contracts as there may be an answer is bounded and takes well below the
// time for which Prometheus waits.
func TestAThousandContracts(t *testing.T) {
	l := newLedger(t, time.Now())
	for i := range fsm.MaxContracts {
		l.create(fmt.Sprintf("token%d", i), `{"transactions":10}`)
	}
	h := Handler(Chains(l.store, none, "w1", "w2"), Ledger(l.store))
	began := time.Now()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	require.Equal(t, http.StatusOK, answer.Code)
	require.Less(t, time.Since(began), scrapeTimeout/2)
	require.Less(t, strings.Count(answer.Body.String(), "\n"), 10*fsm.MaxContracts, "lines")
	require.Less(t, answer.Body.Len(), 1<<20, "bytes")
	require.Len(t, values(t, Chains(l.store, none), "bpsc_chain_length"), fsm.MaxContracts)
}

// What is no route counts as one, whatever clients make up.
func TestRequestsAreBounded(t *testing.T) {
	r := NewRequests()
	mux := http.NewServeMux()
	mux.HandleFunc("POST /add", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusConflict) })
	mux.HandleFunc("GET /item/{id}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") })
	h := r.Around(mux)
	for i := range 100 {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", fmt.Sprint("/item/", i), nil))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(fmt.Sprint("METHOD", i), fmt.Sprint("/", i), nil))
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/add", nil))
	}
	r.Measure("/v1/transactions:batch", "POST", 200, time.Millisecond)
	require.Equal(t, map[string]float64{
		"GET /item/{id} 2xx": 100, " none 4xx": 100, "POST /add 4xx": 100, "POST /v1/transactions:batch 2xx": 1,
	}, values(t, r, "bpsc_http_request_duration_seconds"))
}

func TestWhatRaftSays(t *testing.T) {
	r := NewRaft()
	peer := []gometrics.Label{{Name: "peer_id", Value: "n2"}}
	r.IncrCounter([]string{"raft", "state", "leader"}, 1)
	r.IncrCounterWithLabels([]string{"raft", "replication", "appendEntries", "logs"}, 3, peer)
	r.IncrCounterWithLabels([]string{"raft", "replication", "appendEntries", "logs"}, 4, nil)
	r.SetGauge([]string{"raft", "peers"}, 3)
	r.SetGauge([]string{"raft", "fsm", "lastRestoreDuration"}, 1500)
	r.AddSample([]string{"raft", "thread", "main", "saturation"}, 0.25)
	r.AddSample([]string{"raft", "commitTime"}, 2.5)
	r.AddSampleWithLabels([]string{"raft", "replication", "heartbeat"}, 1, peer)
	r.AddSample([]string{"raft", "of a later version"}, 1)
	r.EmitKey([]string{"raft", "apply"}, 9)
	for name, want := range map[string]float64{
		"raft_state_leader_total": 1, "raft_replication_append_entries_logs_total": 7, "raft_peers": 3, "raft_apply_total": 0,
		"raft_fsm_last_restore_duration_seconds": 1.5, "raft_thread_main_saturation_ratio": 0.25,
		"raft_commit_time_seconds": 1, "raft_replication_heartbeat_seconds": 1,
	} {
		require.Equal(t, map[string]float64{"": want}, values(t, r, name), name)
	}
	require.Equal(t, 2500*time.Microsecond, r.rows["raft.commitTime"].took.Total())
	registry := prometheus.NewRegistry()
	require.NoError(t, registry.Register(r))
	kept, err := registry.Gather()
	require.NoError(t, err)
	require.Len(t, kept, len(ofRaft()), "nothing else is kept")
}

// What is measured on the way of each request and each entry takes no memory.
func TestMeasuringTakesNoMemory(t *testing.T) {
	requests, raft := NewRequests(), NewRaft()
	key := []string{"raft", "rpc", "appendEntries", "storeLogs"}
	requests.Measure("/v1/transactions", "POST", 201, time.Millisecond)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		requests.Measure("/v1/transactions", "POST", 201, time.Millisecond)
		raft.AddSample(key, 1)
	}))
}

func BenchmarkMeasure(b *testing.B) {
	r := NewRequests()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Measure("/v1/transactions", "POST", 201, time.Millisecond)
		}
	})
}

// What Prometheus's own would cost, found by its labels.
func BenchmarkMeasureByPrometheus(b *testing.B) {
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "x"}, []string{"route", "method", "status"})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			h.WithLabelValues("/v1/transactions", "POST", "2xx").Observe(0.001)
		}
	})
}

func BenchmarkRaftSample(b *testing.B) {
	r, key := NewRaft(), []string{"raft", "rpc", "appendEntries", "storeLogs"}
	b.ReportAllocs()
	for b.Loop() {
		r.AddSample(key, 1)
	}
}

func BenchmarkScrapeOfAThousandContracts(b *testing.B) {
	l := newLedger(b, time.Now())
	for i := range fsm.MaxContracts {
		l.create(fmt.Sprintf("token%d", i), `{"transactions":10}`)
	}
	h := Handler(Chains(l.store, none, "w1", "w2"), Ledger(l.store))
	for b.Loop() {
		h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/metrics", nil))
	}
}
