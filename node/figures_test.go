package node

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/node/metrics"
	"github.com/bpsc/bpsc/witness"
)

// documented is a row of docs/metrics.md.
type documented struct{ kind, labels, unit string }

var metricRow = regexp.MustCompile("^\\| `([a-z0-9_]+)` \\| (counter|gauge|histogram) \\| ([^|]*) \\| ([^|]*) \\| ([MFW]+) \\| [^|]+ \\| [^|]+ \\|$")

// readMetrics reads what the documentation says that a kind of node, M, F or W, exports.
func readMetrics(t *testing.T, node string) map[string]documented {
	text, err := os.ReadFile("../docs/metrics.md")
	require.NoError(t, err)
	found := map[string]documented{}
	for line := range strings.Lines(string(text)) {
		row := metricRow.FindStringSubmatch(strings.TrimSpace(line))
		if row == nil {
			require.False(t, strings.HasPrefix(line, "| `bpsc_") || strings.HasPrefix(line, "| `raft_"), "not a row as the others are: %s", line)
			continue
		}
		if strings.Contains(row[5], node) {
			require.NotContains(t, found, row[1], "two rows")
			found[row[1]] = documented{row[2], strings.NewReplacer("`", "", " ", "").Replace(row[3]), row[4]}
		}
	}
	return found
}

// scraped reads what a node exports, and lints it as promtool does.
func scraped(t *testing.T, url string) map[string]*dto.MetricFamily {
	resp, err := http.Get(url)
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode, string(text))
	problems, err := promlint.New(strings.NewReader(string(text))).Lint()
	require.NoError(t, err)
	require.Empty(t, problems)
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	require.NoError(t, err)
	return families
}

// unitOf is the unit that a name ends with, by Prometheus's rules.
func unitOf(name string) string {
	name = strings.TrimSuffix(name, "_total")
	for _, unit := range []string{"seconds", "bytes", "ratio"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	return "–"
}

// checkDocumented holds what a node exports against the documentation, both ways.
func checkDocumented(t *testing.T, node, url string) {
	want, got := readMetrics(t, node), map[string]documented{}
	for name, family := range scraped(t, url) {
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue // client_golang's, which the documentation names together
		}
		var labels []string
		for _, m := range family.Metric {
			for _, l := range m.Label {
				if !slices.Contains(labels, l.GetName()) {
					labels = append(labels, l.GetName())
				}
			}
		}
		slices.Sort(labels)
		got[name] = documented{strings.ToLower(family.GetType().String()), strings.Join(labels, ","), unitOf(name)}
	}
	for name, is := range got {
		d, there := want[name]
		if !there {
			t.Errorf("%s exports %s, a %s with labels %q, and docs/metrics.md has no row of it", node, name, is.kind, is.labels)
			continue
		}
		sorted := strings.Split(d.labels, ",")
		slices.Sort(sorted)
		if d.labels == "–" {
			sorted = nil
		}
		if is.kind != d.kind || is.labels != strings.Join(sorted, ",") || is.unit != d.unit {
			t.Errorf("%s exports %s: %+v, and docs/metrics.md says %+v", node, name, is, d)
		}
	}
	for name := range want {
		if _, there := got[name]; !there {
			t.Errorf("docs/metrics.md says that %s exports %s, and it does not", node, name)
		}
	}
}

// A member, a follower and a witness export what docs/metrics.md says, no more and no
// less, under names that promtool likes; raft's own figures are among them once it has
// elected a leader.
func TestEveryMetricIsDocumented(t *testing.T) {
	raft := metrics.NewRaft()
	require.NoError(t, raft.Install())
	wc := DefaultWitnessConfig()
	wc.Name, wc.Data, wc.Listen, wc.Admin, wc.Files = "w1", t.TempDir(), freeAddress(t), freeAddress(t), 1024
	wc.Logger = slog.New(slog.DiscardHandler)
	key, err := WitnessKey(wc.Data, wc.Name)
	require.NoError(t, err)

	mc := configs(t, 1)[0]
	mc.Admin, mc.Collectors = freeAddress(t), []prometheus.Collector{raft}
	mc.Witnesses = []proof.Cosigner{{Name: wc.Name, URL: "http://" + wc.Listen, Key: key.Verifier()}}
	m := start(t, mc)
	ready(t, m.WaitReady)

	wc.Logs = []witness.Log{{Name: "the member", Policies: policyOf(t, m)}}
	w, err := StartWitness(t.Context(), wc)
	require.NoError(t, err)
	t.Cleanup(func() { _ = w.Stop(context.Background()) })

	fc := DefaultFollowerConfig()
	fc.Data, fc.Listen, fc.Admin, fc.Files = t.TempDir(), "127.0.0.1:0", freeAddress(t), 1024
	fc.Sources = []chainsync.Source{{Upstreams: []string{"http://" + mc.Listen}}}
	fc.Logger = slog.New(slog.DiscardHandler)
	f, err := StartFollower(t.Context(), fc)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Stop(context.Background()) })
	ready(t, f.WaitReady)

	c, err := client.New(f.Addr().String())
	require.NoError(t, err)
	_, err = c.Send(t.Context(), client.Transfer{Sender: "alice", Amount: "1", Recipient: "bob", Key: "k"})
	require.NoError(t, err)
	require.NoError(t, harness.Until(t.Context(), limit, "the witness has cosigned", func(context.Context) error {
		if n := value(scraped(t, "http://"+wc.Admin+"/metrics"), "bpsc_witness_cosigned_timestamp_seconds"); n == 0 {
			return fmt.Errorf("it has not")
		}
		return nil
	}))

	checkDocumented(t, "M", "http://"+mc.Listen+"/metrics")
	checkDocumented(t, "M", "http://"+mc.Admin+"/metrics")
	checkDocumented(t, "F", "http://"+f.Addr().String()+"/metrics")
	checkDocumented(t, "W", "http://"+w.AdminAddr().String()+"/metrics")

	figures := scraped(t, "http://"+mc.Listen+"/metrics")
	for _, name := range []string{"raft_state_leader_total", "raft_apply_total", "bpsc_raft_elections_total", "bpsc_raft_leaders_total",
		"bpsc_cluster_voters_ready", "bpsc_ready", "bpsc_signing", "bpsc_cluster_leader_known", "bpsc_chain_length"} {
		require.Positive(t, value(figures, name), name)
	}
	for _, name := range []string{"raft_commit_time_seconds", "bpsc_raft_log_write_seconds", "bpsc_raft_commit_seconds", "bpsc_raft_apply_seconds"} {
		require.NotEmpty(t, figures[name].GetMetric(), name)
		require.Positive(t, figures[name].Metric[0].Histogram.GetSampleCount(), name)
	}
}

// value is that of a metric without labels, or of its first.
func value(families map[string]*dto.MetricFamily, name string) float64 {
	for _, m := range families[name].GetMetric() {
		return m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	return 0
}

// policyOf is who speaks for a member's chains.
func policyOf(t *testing.T, m *Member) *proof.History {
	t.Helper()
	text, err := NewEvidence(m.store, nil, 0).Policies("", 1)
	require.NoError(t, err)
	history, err := proof.ParseHistory(text)
	require.NoError(t, err)
	return history
}
