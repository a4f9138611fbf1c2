package main

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestOutputs(t *testing.T) {
	for _, c := range []struct {
		file  string
		parse func(string) (measured, error)
		want  measured
	}{
		{"etcd.txt", parseEtcd, measured{Rate: 4007.302, P50: 11430 * time.Microsecond, P99: 72750 * time.Microsecond}},
		{"nats-one.txt", parseNATS, measured{Rate: 139, P50: 5139920, P99: 35375360}},
		{"nats-three.txt", parseNATS, measured{Rate: 1414, P50: 893930, P99: 13492890}},
		{"bpsc.json", parseBPSC, measured{
			Rate: 128 / 0.3, P50: 2916 * time.Microsecond, P99: 21037 * time.Microsecond,
			Members: 1562.5, Tool: 85.6328125, ToolCores: 0.010961 / 0.3,
		}},
	} {
		t.Run(c.file, func(t *testing.T) {
			got, err := c.parse(read(t, c.file))
			if err != nil {
				t.Fatal(err)
			}
			for name, pair := range map[string][2]float64{
				"rate": {got.Rate, c.want.Rate}, "p50": {got.P50.Seconds(), c.want.P50.Seconds()},
				"p99": {got.P99.Seconds(), c.want.P99.Seconds()}, "members": {got.Members, c.want.Members},
				"tool": {got.Tool, c.want.Tool}, "cores": {got.ToolCores, c.want.ToolCores},
			} {
				if math.Abs(pair[0]-pair[1]) > 1e-6*pair[1] {
					t.Errorf("%s: %v, want %v", name, pair[0], pair[1])
				}
			}
		})
	}
}

func TestOutputsThatAreNoMeasurement(t *testing.T) {
	etcd := read(t, "etcd.txt")
	for name, c := range map[string]struct {
		parse func(string) (measured, error)
		text  string
		want  error
	}{
		"etcd with errors":      {parseEtcd, etcd + "\nError distribution:\n  [3]\tcontext deadline exceeded\n", errRequests},
		"etcd without p99":      {parseEtcd, etcd[:len(etcd)-80], errNoFigure},
		"etcd with nothing":     {parseEtcd, "", errNoFigure},
		"NATS with nothing":     {parseNATS, "No publisher or subscribers. Nothing to report.", errNoFigure},
		"NATS without latency":  {parseNATS, "NATS stats: 5 msgs/sec ~ 1 KiB/sec", errNoFigure},
		"bpsc with no rows":     {parseBPSC, `{"rows":[]}`, errNoFigure},
		"bpsc with two rows":    {parseBPSC, `{"rows":[{"seconds":1,"transfers_per_second":1},{"seconds":1,"transfers_per_second":1}]}`, errNoFigure},
		"bpsc without a figure": {parseBPSC, `{"rows":[{"seconds":1}]}`, errNoFigure},
	} {
		if _, err := c.parse(c.text); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestStat(t *testing.T) {
	// A name may look like the end of the name, and like fields.
	line := "4711 (a) S (b) S 1 2 3 4 5 6 7 8 9 10 150 50 13 14 15 0 8 0 100 2000 300"
	got, err := parseStat(line)
	if want := 2 * time.Second; err != nil || got != want {
		t.Errorf("%v, %v; want %v", got, err, want)
	}
	for _, bad := range []string{"", "4711 (a) S 1 2", "4711 (a) S 1 2 3 4 5 6 7 8 9 10 x 50 13"} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

func TestStreamThatIsToBeMeasured(t *testing.T) {
	made := func(change func(*jetstream)) *jetstream {
		var s jetstream
		err := jsonInto(`{"config":{"sync_always":true},"account_details":[{"stream_detail":[
			{"name":"other","config":{"storage":"memory","num_replicas":1}},
			{"name":"bench","cluster":{"leader":"m2"},"config":{"storage":"file","num_replicas":3}}]}]}`, &s)
		if err != nil {
			t.Fatal(err)
		}
		change(&s)
		return &s
	}
	if s := made(func(*jetstream) {}); s.check() != nil || s.leaderOf() != "m2" {
		t.Errorf("%v, leader %q", s.check(), s.leaderOf())
	}
	for name, change := range map[string]func(*jetstream){
		"syncs now and then": func(s *jetstream) { s.Config.SyncAlways = false },
		"memory":             func(s *jetstream) { s.Accounts[0].Streams[1].Config.Storage = "memory" },
		"one replica":        func(s *jetstream) { s.Accounts[0].Streams[1].Config.Replicas = 1 },
		"no leader":          func(s *jetstream) { s.Accounts[0].Streams[1].Cluster.Leader = "" },
		"no such stream":     func(s *jetstream) { s.Accounts[0].Streams = s.Accounts[0].Streams[:1] },
	} {
		if err := made(change).check(); !errors.Is(err, errStream) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
