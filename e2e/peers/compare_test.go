package main

import (
	"math"
	"strings"
	"testing"
)

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		ratios series
		want   string
	}{
		"all faster":              {series{1.05, 1.06, 1.05, 1.04, 1.05}, "faster"},
		"all slower":              {series{0.9, 0.95, 0.93, 0.94, 0.92}, "slower"},
		"not all agree":           {series{0.99, 1.3, 1.3, 1.3, 1.3}, "noise"},
		"agree on next to none":   {series{1.02, 1.01, 1.02, 1.02, 1.02}, "noise"},
		"agree, far apart":        {series{1.01, 1.1, 1.05, 1.4, 1.02}, "noise"},
		"too few to agree":        {series{2, 2, 2, 2}, "noise"},
		"a gap leaves too few":    {series{2, math.NaN(), 2, 2, 2}, "noise"},
		"a gap beside enough":     {series{2, math.NaN(), 2, 2, 2, 2}, "faster"},
		"nothing":                 {nil, "not measured"},
		"nothing but gaps":        {series{math.NaN()}, "not measured"},
		"one of them is the same": {series{1, 1.5, 1.5, 1.5, 1.5}, "noise"},
	} {
		if got := verdict(c.ratios, "faster", "slower"); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestChanges(t *testing.T) {
	half := rounds(6000, 6600, 5500, 6000, 6000)
	for i := range half {
		half[i].Members = 180.08
	}
	o := outcomesOf(map[cell][]measured{{before, single256}: rounds(12000, 13200, 11000, 12000, 12000), {now, single256}: half})
	got := o.changes([]load{single256})
	want := `
| load | before, a second | now | rate |  | members' time of a core |  |
|---|---:|---:|---:|---:|---:|---:|
| open single, 256 connections | 12,000 (11,000–13,200) | 6,000 (5,500–6,600) | 0.50 (0.50–0.50) | slower | 2.00 (2.00–2.00) | more |
`
	if got != strings.TrimPrefix(want, "\n") {
		t.Errorf("got\n%s\nwant%s", got, want)
	}
}
