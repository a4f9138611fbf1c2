package e2e

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// bench runs bpsc bench with a cluster of its own and reads what it prints.
func bench(t *testing.T, into any, args ...string) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"bench", "-o", "json", "--dir", dir}, args...)...)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.Env = &out, &complaints, harness.Environ()
	require.NoError(t, cmd.Run(), "%s", &complaints)
	require.NoError(t, json.Unmarshal(out.Bytes(), into), "%s", &out)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "nothing of its cluster stays")
}

type benchReport struct {
	Rows []struct {
		Load      string
		Transfers uint64
		Failed    uint64
		Latency   struct{ P50, Max float64 }          `json:"latency_ms"`
		Cost      struct{ Generator, Leader float64 } `json:"processor_us_per_transfer"`
		Points    []struct{ Failed uint64 }
	}
	Verified struct{ Acknowledged, Unknown, Records uint64 }
}

// A measurement is a test too: every answer is checked, and the ledger has what was
// acknowledged.
func TestBenchMeasuresAClusterOfItsOwn(t *testing.T) {
	for name, args := range map[string][]string{
		"single, open loop":        {"--rate", "200", "--connections", "4"},
		"signed beforehand":        {"--signed", "--presign", "400", "--batch", "20", "--wallets", "50", "--to", "all"},
		"signed, TLS, few wallets": {"--signed", "--zipf", "1.5", "--wallets", "20", "--tls", "--connections", "4"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var r benchReport
			bench(t, &r, append(args, "--duration", "1s", "--warmup", "0s")...)
			require.Len(t, r.Rows, 1)
			row := r.Rows[0]
			require.NotZero(t, row.Transfers)
			require.Positive(t, row.Latency.P50)
			require.GreaterOrEqual(t, row.Latency.Max, row.Latency.P50)
			require.Positive(t, row.Cost.Generator)
			require.NotEmpty(t, row.Points)
			require.GreaterOrEqual(t, r.Verified.Acknowledged, row.Transfers)
			require.GreaterOrEqual(t, r.Verified.Records, r.Verified.Acknowledged)
			require.LessOrEqual(t, r.Verified.Records, r.Verified.Acknowledged+r.Verified.Unknown)
		})
	}
}

func TestBenchKillsLeaders(t *testing.T) {
	var r struct {
		All      []float64 `json:"all_ms"`
		Median   float64   `json:"median_ms"`
		Verified struct{ Acknowledged, Records uint64 }
	}
	bench(t, &r, "--failover=2")
	require.Len(t, r.All, 2)
	require.Positive(t, r.Median)
	require.NotZero(t, r.Verified.Acknowledged)
	require.GreaterOrEqual(t, r.Verified.Records, r.Verified.Acknowledged)
}

func TestBenchDrawsAPicture(t *testing.T) {
	c := startCluster(t, harness.Options{})
	file := filepath.Join(t.TempDir(), "run.svg")
	out, err := exec.CommandContext(t.Context(), binary, "bench", "--server", c.Members[0].URL, "--to", "all", "--duration", "500ms", "--warmup", "0s", "--plot", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Contains(t, string(text), "</svg>")
}
