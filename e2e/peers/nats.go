package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// nats is three servers of NATS with JetStream, loaded by its own command line: messages into
// a stream with three replicas in files, each published when the last one has been acknowledged.
type nats struct {
	server, cli string // binaries
	ports       *freePorts

	processes []*process
	clients   []string // addresses
	monitors  []string // addresses of what servers say of themselves
	rates     counted
	commands  *commands
}

const stream = "bench"

func (n *nats) name() string        { return "NATS" }
func (n *nats) members() []*process { return n.processes }

// can: its batches are atomic ones, with one answer for all of a batch.
func (n *nats) can(l load) bool { return l.Batch == 1 && !l.Signed }

func (n *nats) start(ctx context.Context, dir string) error {
	addresses, err := n.ports.takeSome(9)
	if err != nil {
		return err
	}
	n.clients, n.monitors = addresses[:3], addresses[3:6]
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	n.processes = nil
	for i := range n.clients {
		name := fmt.Sprintf("m%d", i+1)
		file := filepath.Join(dir, name+".conf")
		text := natsConfig(name, dir, n.clients[i], n.monitors[i], addresses[6+i], addresses[6:])
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
		p := &process{name: "NATS " + name, log: logOf(dir, name), args: []string{n.server, "-c", file}}
		n.processes = append(n.processes, p)
		if err := p.start(); err != nil {
			return err
		}
		if i == 0 {
			n.commands.note("NATS, each of three servers", append(p.args, "  #", strings.Join(strings.Fields(text), " ")))
		}
	}
	for i, monitor := range n.monitors {
		err := until(ctx, startLimit, n.processes[i].name+" is ready", func(ctx context.Context) error {
			return answered(ctx, "http://"+monitor+"/healthz")
		})
		if err != nil {
			return err
		}
	}
	return n.createStream(ctx)
}

// natsConfig is what a server is started with. Without sync_interval: always a server
// acknowledges what the disk does not have yet, for up to two minutes.
func natsConfig(name, dir, client, monitor, own string, cluster []string) string {
	return fmt.Sprintf(`server_name: %s
listen: %s
http: %s
jetstream {
  store_dir: %q
  sync_interval: always
  max_file_store: 16GB
}
cluster {
  name: bench
  listen: %s
  routes: [nats://%s]
}
`, name, client, monitor, filepath.Join(dir, name), own, strings.Join(cluster, ", nats://"))
}

// createStream makes the stream, and looks at every server whether it is what is to be
// measured: three replicas in files, each write synced.
func (n *nats) createStream(ctx context.Context) error {
	args := []string{
		n.cli, "--server", n.clients[0], "stream", "add", stream, "--subjects", stream, "--storage", "file",
		"--replicas", "3", "--defaults",
	}
	n.commands.note("NATS, the stream", args)
	err := until(ctx, startLimit, "the stream is made", func(ctx context.Context) error {
		_, _, err := run(ctx, args...)
		return err
	})
	if err != nil {
		return err
	}
	for i, monitor := range n.monitors {
		err := until(ctx, voteLimit, n.processes[i].name+" has a replica of the stream", func(ctx context.Context) error {
			var s jetstream
			if err := getJSON(ctx, "http://"+monitor+"/jsz?streams=true&config=true", &s); err != nil {
				return err
			}
			return s.check()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// jetstream is what a server says of its streams, by /jsz.
type jetstream struct {
	Config struct {
		SyncAlways bool `json:"sync_always"`
	}
	Accounts []struct {
		Streams []struct {
			Name    string
			Cluster struct{ Leader string }
			Config  struct {
				Storage  string
				Replicas int `json:"num_replicas"`
			}
		} `json:"stream_detail"`
	} `json:"account_details"`
}

var errStream = errors.New("not the stream that is to be measured")

// check tells whether the stream is as it is to be measured.
func (s *jetstream) check() error {
	if !s.Config.SyncAlways {
		return fmt.Errorf("%w: sync_interval is not always", errStream)
	}
	for _, a := range s.Accounts {
		for _, d := range a.Streams {
			if d.Name != stream {
				continue
			}
			if d.Config.Storage != "file" || d.Config.Replicas != 3 {
				return fmt.Errorf("%w: storage %s, %d replicas", errStream, d.Config.Storage, d.Config.Replicas)
			}
			if d.Cluster.Leader == "" {
				return fmt.Errorf("%w: it has no leader yet", errStream)
			}
			return nil
		}
	}
	return fmt.Errorf("%w: there is none of that name", errStream)
}

// leaderOf is the server that leads the stream.
func (s *jetstream) leaderOf() string {
	for _, a := range s.Accounts {
		for _, d := range a.Streams {
			if d.Name == stream {
				return d.Cluster.Leader
			}
		}
	}
	return ""
}

func (n *nats) leader(ctx context.Context) (leader int, err error) {
	return leader, until(ctx, voteLimit, "a server leads the stream", func(ctx context.Context) error {
		var s jetstream
		if err := getJSON(ctx, "http://"+n.monitors[0]+"/jsz?streams=true&config=true", &s); err != nil {
			return err
		}
		for i := range n.clients {
			if s.leaderOf() == fmt.Sprintf("m%d", i+1) {
				leader = i
				return nil
			}
		}
		return errors.New("none says so")
	})
}

func (n *nats) run(ctx context.Context, l load, warmup, row time.Duration) (measured, error) {
	leader, err := n.leader(ctx)
	if err != nil {
		return measured{}, err
	}
	if _, err := n.publish(ctx, l, leader, warmup); err != nil {
		return measured{}, err
	}
	return n.publish(ctx, l, leader, row)
}

func (n *nats) publish(ctx context.Context, l load, leader int, d time.Duration) (measured, error) {
	total := n.rates.total(l, d)
	args := []string{
		n.cli, "--server", n.clients[leader], "bench", "js", "pub", "sync", stream, "--stream", stream,
		"--clients", strconv.Itoa(l.Connections), "--msgs", strconv.Itoa(total), "--size", strconv.Itoa(payload), "--no-progress",
	}
	n.commands.note("NATS, "+l.String(), args)
	before := cpuOf(n.processes)
	began := time.Now()
	output, tool, err := run(ctx, args...)
	if err != nil {
		return measured{}, err
	}
	took := time.Since(began)
	m, err := parseNATS(output)
	if err != nil {
		return m, fmt.Errorf("nats bench: %w: %s", err, lastLines(output))
	}
	m.Members = perRequest(cpuOf(n.processes)-before, float64(total))
	m.Tool, m.ToolCores = perRequest(tool, float64(total)), tool.Seconds()/took.Seconds()
	n.rates[l] = m.Rate
	return m, nil
}
