package observe

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// patience is for whatever a cluster does by itself.
const patience = 30 * time.Second

// watched is a cluster with a follower and a witness, all with a listener for whoever
// runs them.
type watched struct {
	*harness.Cluster
	follower *harness.Follower
	witness  *harness.Witness
	admin    map[string]string // by who has it: host:port
}

func freeAddress(t *testing.T) string {
	port, err := harness.FreePort()
	require.NoError(t, err)
	return fmt.Sprint("127.0.0.1:", port)
}

func startWatched(t *testing.T) *watched {
	dir := t.TempDir()
	w := &watched{admin: map[string]string{"f1": freeAddress(t), "w1": freeAddress(t)}}
	var err error
	w.witness, err = harness.NewWitness(t.Context(), binary, dir, "w1")
	require.NoError(t, err)
	file := filepath.Join(dir, "witnesses")
	require.NoError(t, os.WriteFile(file, []byte(w.witness.Line), 0o600))
	w.Cluster, err = harness.New(harness.Options{Binary: binary, Dir: dir, Args: []string{"--witnesses", file, "--witness-quorum", "1"},
		Contract: `{"token":"aka","wallets":"open","schedule":{"transactions":1}}`})
	require.NoError(t, err)
	for _, m := range w.Members {
		w.admin[m.ID] = freeAddress(t)
		m.Also("--admin", w.admin[m.ID])
	}
	t.Cleanup(func() {
		require.NoError(t, w.KillAll())
		for _, m := range w.Members {
			if t.Failed() {
				t.Logf("log of %s:\n%s", m.ID, m.LogTail(20))
			}
		}
		if t.Failed() {
			t.Logf("log of w1:\n%s", w.witness.LogTail(20))
		}
	})
	require.NoError(t, w.Start(t.Context()))
	require.NoError(t, w.AwaitReady(t.Context(), patience))

	require.NoError(t, harness.Until(t.Context(), patience, "all members have announced their keys", func(ctx context.Context) error {
		policy, err := exec.CommandContext(ctx, binary, "cluster", "keys", "--any-chain", "--server", w.URLs()[0]).Output()
		if err != nil {
			return err
		}
		return os.WriteFile(w.witness.Policy, policy, 0o600)
	}))
	w.witness.Also("--admin", w.admin["w1"])
	t.Cleanup(func() { require.NoError(t, w.witness.Kill()) })
	require.NoError(t, w.witness.Start())

	w.follower, err = harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: filepath.Join(dir, "f1"), ID: "f1", Upstreams: w.URLs()})
	require.NoError(t, err)
	w.follower.Also("--admin", w.admin["f1"])
	t.Cleanup(func() { require.NoError(t, w.follower.Kill()) })
	require.NoError(t, w.follower.Start())
	require.NoError(t, w.follower.AwaitReady(t.Context(), patience))
	return w
}

// scrape reads what somebody exports.
func scrape(ctx context.Context, address string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	return io.ReadAll(resp.Body)
}

// value is the sum of a metric of one process, over its labels; of a histogram the count.
func (w *watched) value(ctx context.Context, who, name string) (sum float64, err error) {
	text, err := scrape(ctx, w.admin[who])
	if err != nil {
		return 0, err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	for _, m := range families[name].GetMetric() {
		sum += m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum, err
}

// await waits until a metric is what it is to be.
func (w *watched) await(t *testing.T, who, name string, is func(float64) bool) {
	t.Helper()
	require.NoError(t, harness.Until(t.Context(), patience, who+": "+name, func(ctx context.Context) error {
		if v, err := w.value(ctx, who, name); err != nil || !is(v) {
			return fmt.Errorf("it is %v (%w)", v, err)
		}
		return nil
	}))
}

func some(v float64) bool { return v > 0 }
func none(v float64) bool { return v == 0 }

// Real processes export what promtool takes. What raft measures is there after an
// election. When the leader is killed, the others show that a voter is missing and that
// they elected one; nothing that is due comes late for long.
func TestMetricsOfACluster(t *testing.T) {
	w := startWatched(t)
	send := func() {
		resp, err := http.Post(w.follower.URL+"/v1/transactions", "application/json",
			strings.NewReader(`{"sender":"alice","amount":1,"recipient":"bob"}`))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.Equal(t, http.StatusCreated, resp.StatusCode)
	}
	send()
	w.await(t, "w1", "bpsc_witness_cosigned_timestamp_seconds", some)
	w.await(t, "f1", "bpsc_checkpoint_size", some)
	w.await(t, "f1", "bpsc_follow_lag_blocks", none)
	leader, err := w.Leader(t.Context())
	require.NoError(t, err)
	for _, name := range []string{"raft_state_leader_total", "raft_commit_time_seconds", "bpsc_raft_commit_seconds", "bpsc_raft_log_write_seconds"} {
		w.await(t, leader.ID, name, some)
	}
	w.await(t, leader.ID, "bpsc_cluster_voters_ready", func(v float64) bool { return v == 3 })
	for who, address := range w.admin {
		text, err := scrape(t.Context(), address)
		require.NoError(t, err, who)
		promtool(t, "", text, "check", "metrics")
	}

	require.NoError(t, leader.Kill())
	var next string
	for _, m := range w.Members {
		if m.ID != leader.ID {
			next = m.ID
		}
	}
	w.await(t, next, "bpsc_cluster_voters_ready", func(v float64) bool { return v == 2 })
	w.await(t, next, "bpsc_cluster_leader_known", some)
	w.await(t, next, "bpsc_raft_leaders_total", func(v float64) bool { return v >= 2 })
	send()
	w.await(t, next, "bpsc_ledger_overdue_seconds", none)
	w.await(t, next, "bpsc_checkpoint_lag_blocks", none)
}
