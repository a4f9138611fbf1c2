package report

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/lab"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/rules"
)

func TestReport(t *testing.T) {
	var s Series
	for i := range 40 {
		at := time.Duration(i) * 250 * time.Millisecond
		s.Add([]history.Op{
			{Kind: history.Submit, Verdict: history.Done, Began: at, Ended: at + 3*time.Millisecond},
			{Kind: history.Submit, Verdict: history.Unknown, Began: at, Ended: at + time.Millisecond},
			{Kind: history.Balance, Verdict: history.Done, Began: at, Ended: at},
		})
	}
	require.Len(t, s.Points(), 10)
	require.Equal(t, Point{Acked: 4, Failed: 4, P50: 3 * time.Millisecond, P99: 3 * time.Millisecond, Max: 3 * time.Millisecond}, s.Points()[3])

	r := &Run{Command: "scripts/faults.sh --seed 7", Began: time.Unix(0, 0), Took: 10 * time.Second, Members: 3, Where: "here", Missing: []string{"disks <that> fail"}, Points: s.Points(),
		Results: []lab.Result{{Plan: plan.New(7, 0, 7*time.Second, plan.Names()), Ops: 80, Acked: 40, Healed: time.Second}},
		Story: []lab.Happening{
			{At: 2 * time.Second, For: time.Second, Kind: "fault", What: "kill-leader: n1"},
			{At: 2500 * time.Millisecond, For: 3 * time.Second, Kind: "fault", What: "ring: all | <b>"},
			{At: 3 * time.Second, Kind: "election", What: "n2 leads in term 2"},
		}}
	require.Contains(t, r.Sentence(), "no violation")
	dir := t.TempDir()
	require.NoError(t, r.Write(dir))
	r.Results[0].Findings = []rules.Finding{{Rule: rules.Missing, What: "abc <is> gone"}}
	require.Contains(t, r.Sentence(), "1 VIOLATIONS")
	require.NoError(t, r.Write(dir))
	md, err := os.ReadFile(filepath.Join(dir, "report.md"))
	require.NoError(t, err)
	for _, part := range []string{"| no acknowledged record is missing | **NO**", "| no id twice | yes |", "round 0: abc <is> gone", "--seed 7", "n2 leads in term 2", `ring: all \| <b>`} {
		require.Contains(t, string(md), part)
	}
	page, err := os.ReadFile(filepath.Join(dir, "report.html"))
	require.NoError(t, err)
	require.Contains(t, string(page), "abc &lt;is&gt; gone")
	require.NotContains(t, string(page), "<b>")
	require.NotContains(t, string(page), "http", "nothing is fetched")
	plot := r.plot()
	for d := xml.NewDecoder(strings.NewReader(plot)); ; {
		if _, err := d.Token(); err != nil {
			require.EqualError(t, err, "EOF")
			break
		}
	}
	require.Contains(t, plot, "kill-leader: n1")
}
