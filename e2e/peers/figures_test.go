package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func jsonInto(text string, into any) error { return json.Unmarshal([]byte(text), into) }

func TestSeries(t *testing.T) {
	gap := math.NaN()
	for name, c := range map[string]struct {
		series series
		median float64
		text   string
	}{
		"odd":         {series{3000, 1000, 2000}, 2000, "2,000 (1,000–3,000)"},
		"even":        {series{4, 1, 2, 3}, 2.5, "3 (1–4)"},
		"with a gap":  {series{gap, 1, 2, 3}, 2, "2 (1–3)"},
		"one":         {series{1234567}, 1234567, "1,234,567"},
		"none":        {nil, gap, "–"},
		"nothing yet": {series{gap}, gap, "–"},
	} {
		got := c.series.median()
		if got != c.median && !(math.IsNaN(got) && math.IsNaN(c.median)) {
			t.Errorf("%s: median %v, want %v", name, got, c.median)
		}
		if text := c.series.text(thousands); text != c.text {
			t.Errorf("%s: %q, want %q", name, text, c.text)
		}
	}
}

func TestRatiosAreRoundByRound(t *testing.T) {
	// The machine is twice as fast in one round: medians apart would say 1.
	fast, slow := series{200, 400, 100}, series{100, 200, 200}
	if got := fast.over(slow); got.median() != 2 || got.text(ratio) != "2.00 (0.50–2.00)" {
		t.Errorf("%v", got)
	}
	if got := (series{1, math.NaN(), 9}).over(series{2, 2, math.NaN()}); got.text(ratio) != "0.50" {
		t.Errorf("with gaps: %v", got)
	}
	if got := fast.over(nil); got.text(ratio) != "–" {
		t.Errorf("over nothing: %v", got)
	}
}

func TestThousands(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 999.5: "1,000", 12: "12", 123456: "123,456", 1e9: "1,000,000,000", -1234: "-1,234", -123: "-123"} {
		if got := thousands(f); got != want {
			t.Errorf("%v: %q, want %q", f, got, want)
		}
	}
}

func TestRequestsThatMakeSoMuchTime(t *testing.T) {
	c := counted{}
	if got := c.total(single256, 100*time.Millisecond); got != 400 {
		t.Errorf("not known yet: %d", got)
	}
	c[single256] = 10_000
	if got := c.total(single256, 4*time.Second); got != 40_000 {
		t.Errorf("known: %d", got)
	}
	c[single256] = 1
	if got := c.total(single256, time.Second); got != 256 {
		t.Errorf("fewer than connections: %d", got)
	}
	c[single1] = 1
	if got := c.total(single1, time.Second); got != fewest {
		t.Errorf("fewer than have a p99: %d", got)
	}
}

// rounds of one figure.
func rounds(rates ...float64) (all []measured) {
	for _, r := range rates {
		all = append(all, measured{Rate: r, P50: time.Millisecond, P99: 2 * time.Millisecond, Members: 90.04, Tool: 10, ToolCores: 0.5})
	}
	return all
}

func outcomesOf(cells map[cell][]measured) *outcomes { return &outcomes{cells: cells} }

func TestSideBySide(t *testing.T) {
	o := outcomesOf(map[cell][]measured{
		{"ours, bolt", single256}: rounds(12000, 13000, 11000), {"ours, wal", single256}: rounds(18000, 0, 20000),
		{"etcd", single256}: rounds(6000, 6500, 5000), {"NATS", single256}: rounds(10000, 10000, 10000),
		{"ours, bolt", signed256}: rounds(9000, 9000, 9000),
		{"ours, bolt", single1}:   rounds(500),
	})
	got := o.sideBySide([]load{single1, single256, signed256}, []string{"ours, bolt", "ours, wal"}, []string{"etcd", "NATS"})
	want := `
| a second | ours, bolt | ours, wal | etcd | NATS | bolt : etcd | bolt : NATS | wal : etcd | wal : NATS | wanted : etcd / NATS |
|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|
| open single, 1 connection | 500 | – | – | – | – | – | – | – | ≥ 1, wal ≥ 1.3 |
| open single, 256 connections | 12,000 (11,000–13,000) | 19,000 (18,000–20,000) | 6,000 (5,000–6,500) | 10,000 (10,000–10,000) | 2.00 (2.00–2.20) | 1.20 (1.10–1.30) | 3.50 (3.00–4.00) | 1.90 (1.80–2.00) | ≥ 3 / ≥ 2 |
| signed single, 256 connections | 9,000 (9,000–9,000) | – | – | – | 1.50 (1.38–1.80) | 0.90 (0.90–0.90) | – | – | ≥ 1.5 |
`
	if got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
}

func TestWithin(t *testing.T) {
	o := outcomesOf(map[cell][]measured{
		{"ours, bolt", single256}: rounds(10000, 10000), {"ours, bolt", batches}: rounds(110000, 90000),
		{"ours, bolt", signedBatches}: rounds(20000, 20000),
	})
	o.machine.signatures = series{60000, 120000}
	got := o.within([]string{"ours, bolt"}, map[string][]time.Duration{"ours, bolt": {20 * time.Millisecond, 30 * time.Millisecond, 90 * time.Millisecond}})
	want := `
| figure | ours, bolt | wanted |
|---|---:|---:|
| open batches of 1,000 : open single, 256 connections | 10.00 (9.00–11.00) | ≥ 10 |
| signed batches of 1,000 : signatures of all cores in batches ÷ 3 | 0.75 (0.50–1.00) | ≥ 0.7 |
| kill -9 → acknowledged write, 3 times: median, worst | 30 ms, 90 ms | ≤ 40 ms, ≤ 200 ms of 50 |
`
	if got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
	if got := outcomesOf(nil).within([]string{"ours, bolt"}, nil); got != "" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestWhoDidNotWaitForTheDisk(t *testing.T) {
	o := outcomesOf(map[cell][]measured{{"a", single1}: rounds(1000), {"b", single256}: rounds(1000)})
	o.machine.sync = series{1.9}
	if got := o.tooFast([]string{"a", "b"}); len(got) != 0 {
		t.Errorf("1 ms is no less than half of 1.9 ms: %v", got)
	}
	o.machine.sync = series{2.1}
	if got := o.tooFast([]string{"a", "b"}); len(got) != 1 || got[0] != "a" {
		t.Errorf("%v", got)
	}
}

func TestMishapsAreSaidByLoad(t *testing.T) {
	calm, restless := rounds(1, 1), rounds(1, 1)
	restless[0].Elections, restless[1].Elections, restless[1].Failed = 1, 2, 7
	o := outcomesOf(map[cell][]measured{{"a", single1}: calm, {"a", batches}: restless, {"b", single1}: calm})
	got := o.mishaps([]load{single1, batches}, []string{"a", "b"})
	want := "a, open, batches of 1,000, 8 connections: elections by themselves: 3, requests refused for the moment or failed: 7."
	if len(got) != 1 || got[0] != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCommandsAreShownOnce(t *testing.T) {
	c := newCommands("/tmp/x")
	c.note("first", []string{"/opt/bin/etcd", "--data-dir", "/tmp/x/m1"})
	c.note("first", []string{"other"})
	c.note("second", []string{"nats"})
	if got, want := c.String(), "# first\netcd --data-dir DIR/m1\n# second\nnats\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
