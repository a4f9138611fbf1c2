package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// What the tools print, read. The peers' print a rate of a run that had errors too, or none:
// such a run counts as not measured.

var (
	errNoFigure = errors.New("a figure is missing")
	errRequests = errors.New("requests failed")
)

var (
	etcdRate   = regexp.MustCompile(`Requests/sec:\s+([0-9.e+]+)`)
	etcdP50    = regexp.MustCompile(`\n\s+50% in ([0-9.e+-]+) secs`)
	etcdP99    = regexp.MustCompile(`\n\s+99% in ([0-9.e+-]+) secs`)
	etcdErrors = regexp.MustCompile(`Error distribution:`)
)

// parseEtcd reads what etcd's benchmark prints with --precise.
func parseEtcd(text string) (m measured, err error) {
	if etcdErrors.MatchString(text) {
		return m, errRequests
	}
	var p50, p99 float64
	if m.Rate, err = figure(etcdRate, text); err != nil {
		return m, err
	}
	if p50, err = figure(etcdP50, text); err != nil {
		return m, err
	}
	if p99, err = figure(etcdP99, text); err != nil {
		return m, err
	}
	m.P50, m.P99 = seconds(p50), seconds(p99)
	return m, nil
}

var (
	// Of one client it is in one line, of several there is a line each and one for all.
	natsRate = regexp.MustCompile(`stats: ([0-9,]+) msgs/sec`)
	natsP50  = regexp.MustCompile(`P50:? ([0-9,.]+)us`)
	natsP99  = regexp.MustCompile(`P99:? ([0-9,.]+)us`)
)

// parseNATS reads what nats bench prints.
func parseNATS(text string) (m measured, err error) {
	at := strings.LastIndex(text, " stats: ") // those of single clients come before
	if at < 0 {
		return m, errNoFigure
	}
	text = text[at:]
	var p50, p99 float64
	if m.Rate, err = figure(natsRate, text); err != nil {
		return m, err
	}
	if p50, err = figure(natsP50, text); err != nil {
		return m, err
	}
	if p99, err = figure(natsP99, text); err != nil {
		return m, err
	}
	m.P50, m.P99 = seconds(p50/1e6), seconds(p99/1e6)
	return m, nil
}

// figure is the number in the first group of a pattern.
func figure(pattern *regexp.Regexp, text string) (float64, error) {
	found := pattern.FindStringSubmatch(text)
	if found == nil {
		return 0, fmt.Errorf("%w: %s", errNoFigure, pattern)
	}
	return strconv.ParseFloat(strings.ReplaceAll(found[1], ",", ""), 64)
}

func seconds(s float64) time.Duration { return time.Duration(math.Round(s * float64(time.Second))) }

// benchReport is what matters here of what bpsc bench -o json prints.
type benchReport struct {
	Rows []struct {
		Seconds   float64                    `json:"seconds"`
		Rate      float64                    `json:"transfers_per_second"`
		Failed    int                        `json:"failed"`
		Elections int                        `json:"elections"`
		Latency   struct{ P50, P99 float64 } `json:"latency_ms"`
		Cost      struct {
			Generator float64 `json:"generator"`
			Leader    float64 `json:"leader"`
			Seconds   float64 `json:"generator_seconds"`
			Members   map[string]float64
		} `json:"processor_us_per_transfer"`
	}
}

// parseBPSC reads what bpsc bench prints of one row.
func parseBPSC(text string) (m measured, err error) {
	var r benchReport
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return m, err
	}
	if len(r.Rows) != 1 || r.Rows[0].Rate == 0 || r.Rows[0].Seconds == 0 {
		return m, errNoFigure
	}
	row := r.Rows[0]
	m = measured{
		Rate: row.Rate, P50: seconds(row.Latency.P50 / 1e3), P99: seconds(row.Latency.P99 / 1e3),
		Tool: row.Cost.Generator, ToolCores: row.Cost.Seconds / row.Seconds, Elections: row.Elections, Failed: row.Failed,
	}
	for _, used := range row.Cost.Members {
		m.Members += used
	}
	m.Leader = row.Cost.Leader
	return m, nil
}

// lastLines are the end of what a tool printed, which says what was wrong.
func lastLines(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(len(lines)-3, 0):], " | ")
}
