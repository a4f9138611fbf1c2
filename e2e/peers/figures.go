package main

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// series is a figure by rounds; NaN where a round has none.
type series []float64

// known are those that there are, in ascending order.
func (s series) known() []float64 {
	sorted := slices.DeleteFunc(slices.Clone(s), math.IsNaN)
	slices.Sort(sorted)
	return sorted
}

// median is the one in the middle, of an even number the mean of the two; NaN of none.
func (s series) median() float64 {
	sorted := s.known()
	n := len(sorted)
	if n == 0 {
		return math.NaN()
	}
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// over divides round by round: what slows the machine down in one round slows both.
func (s series) over(other series) series {
	var ratios series
	for i := range min(len(s), len(other)) {
		ratios = append(ratios, s[i]/other[i])
	}
	return ratios
}

// times multiplies all.
func (s series) times(factor float64) series {
	scaled := slices.Clone(s)
	for i := range scaled {
		scaled[i] *= factor
	}
	return scaled
}

// text is the median with the lowest and the highest, as write writes each.
func (s series) text(write func(float64) string) string {
	sorted := s.known()
	switch len(sorted) {
	case 0:
		return "–"
	case 1:
		return write(sorted[0])
	}
	return fmt.Sprintf("%s (%s–%s)", write(s.median()), write(sorted[0]), write(sorted[len(sorted)-1]))
}

// ratio is a number with two places.
func ratio(f float64) string { return strconv.FormatFloat(f, 'f', 2, 64) }

// thousands is a whole number with commas.
func thousands(f float64) string {
	text := strconv.FormatFloat(math.Round(f), 'f', 0, 64)
	for at := len(text) - 3; at > 0 && text[at-1] != '-'; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}

// count is "1 connection" or "64 connections".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// table is one in Markdown. Columns but the first are of figures.
type table struct {
	header []string
	rows   [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) String() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.header)
	b.WriteString("|---" + strings.Repeat("|---:", len(t.header)-1) + "|\n")
	for _, r := range t.rows {
		line(r)
	}
	return b.String()
}
