package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// etcd is three members of etcd, loaded over gRPC by its own benchmark tool. It syncs its log
// before it answers for an entry, unless it is told --unsafe-no-fsync.
type etcd struct {
	server, benchmark string // binaries
	ports             *freePorts

	processes []*process
	clients   []string // addresses
	rates     counted
	commands  *commands
}

func (e *etcd) name() string        { return "etcd" }
func (e *etcd) members() []*process { return e.processes }

// can: a transaction of etcd's is no batch of transfers each with an answer of its own, and
// it knows no signatures.
func (e *etcd) can(l load) bool { return l.Batch == 1 && !l.Signed }

func (e *etcd) start(ctx context.Context, dir string) error {
	addresses, err := e.ports.takeSome(6)
	if err != nil {
		return err
	}
	e.clients = addresses[:3]
	var cluster []string
	for i, peer := range addresses[3:] {
		cluster = append(cluster, fmt.Sprintf("m%d=http://%s", i+1, peer))
	}
	e.processes = nil
	for i, client := range e.clients {
		name := fmt.Sprintf("m%d", i+1)
		p := &process{name: "etcd " + name, log: logOf(dir, name), args: []string{
			e.server, "--name", name, "--data-dir", dir + "/" + name, "--log-level", "error",
			"--listen-client-urls", "http://" + client, "--advertise-client-urls", "http://" + client,
			"--listen-peer-urls", "http://" + addresses[3+i], "--initial-advertise-peer-urls", "http://" + addresses[3+i],
			"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-token", dir,
			"--quota-backend-bytes", strconv.Itoa(8 << 30),
		}}
		e.processes = append(e.processes, p)
		if err := p.start(); err != nil {
			return err
		}
	}
	e.commands.note("etcd, each of three members", e.processes[0].args)
	for i := range e.clients {
		if err := e.ready(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (e *etcd) ready(ctx context.Context, member int) error {
	return until(ctx, startLimit, e.processes[member].name+" is ready", func(ctx context.Context) error {
		return answered(ctx, "http://"+e.clients[member]+"/health") // healthy is with a leader
	})
}

func (e *etcd) leader(ctx context.Context) (leader int, err error) {
	return leader, until(ctx, voteLimit, "a member of etcd leads", func(ctx context.Context) error {
		for i, client := range e.clients {
			text, err := get(ctx, "http://"+client+"/metrics")
			if err == nil && strings.Contains(string(text), "\netcd_server_is_leader 1\n") {
				leader = i
				return nil
			}
		}
		return errors.New("none says so")
	})
}

// write is a put by etcd's gateway from HTTP to gRPC, of key k and value v in base64.
func (e *etcd) write(ctx context.Context, member int) error {
	_, err := ask(ctx, http.MethodPost, "http://"+e.clients[member]+"/v3/kv/put", `{"key":"aw==","value":"dg=="}`)
	return err
}

func (e *etcd) run(ctx context.Context, l load, warmup, row time.Duration) (measured, error) {
	leader, err := e.leader(ctx)
	if err != nil {
		return measured{}, err
	}
	if _, err := e.put(ctx, l, leader, warmup); err != nil {
		return measured{}, err
	}
	return e.put(ctx, l, leader, row)
}

func (e *etcd) put(ctx context.Context, l load, leader int, d time.Duration) (measured, error) {
	total := e.rates.total(l, d)
	args := []string{
		e.benchmark, "--endpoints", e.clients[leader],
		"--conns", strconv.Itoa(l.Connections), "--clients", strconv.Itoa(l.Connections), "--precise",
		"put", "--total", strconv.Itoa(total), "--val-size", strconv.Itoa(payload), "--key-space-size", "100000",
	}
	e.commands.note("etcd, "+l.String(), args)
	before := cpuOf(e.processes)
	began := time.Now()
	output, tool, err := run(ctx, args...)
	if err != nil {
		return measured{}, err
	}
	took := time.Since(began)
	m, err := parseEtcd(output)
	if err != nil {
		return m, fmt.Errorf("etcd's benchmark: %w: %s", err, lastLines(output))
	}
	m.Members = perRequest(cpuOf(e.processes)-before, float64(total))
	m.Tool, m.ToolCores = perRequest(tool, float64(total)), tool.Seconds()/took.Seconds()
	e.rates[l] = m.Rate
	return m, nil
}
