package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Grow lays out one more member, which waits to be added when it is started: nothing
// is started, and nobody is told of it. It counts among Members from then on. Where members are
// on machines of their own it is on the next one.
func (c *Cluster) Grow() (*Member, error) {
	last := c.Members[len(c.Members)-1]
	api, err := FreePort()
	if err != nil {
		return nil, err
	}
	raft, err := FreePort()
	if err != nil {
		return nil, err
	}
	host, i := "127.0.0.1", len(c.Members)
	if c.hosts != nil {
		host = c.hosts.Addr(i)
	}
	id, listen := nextID(c.Members), fmt.Sprintf("%s:%d", host, api)
	m := &Member{newProcess(filepath.Dir(last.Data), last.binary, id, listen), fmt.Sprintf("%s:%d", host, raft)}
	m.args = append([]string{
		"server", "--id", id, "--data", m.Data, "--listen", listen, "--raft", m.Raft, "--join", "--contract", c.contract,
	}, c.more...)
	m.runOn(c.hosts, i)
	if c.TLS != nil {
		if err := c.TLS.add(m, listen); err != nil {
			return nil, err
		}
		m.args = c.TLS.args(id, c.contract, c.more)
	}
	c.Members = slices.Concat(c.Members, []*Member{m})
	return m, nil
}

// nextID is an id behind all that are in use.
func nextID(members []*Member) string {
	last := 0
	for _, m := range members {
		if n, err := strconv.Atoi(strings.TrimPrefix(m.ID, "n")); err == nil {
			last = max(last, n)
		}
	}
	return fmt.Sprintf("n%d", last+1)
}

// AwaitServing waits until a member answers, ready or not.
func (c *Cluster) AwaitServing(ctx context.Context, m *Member) error {
	return m.await(ctx, c.HTTP, "/livez", 20*time.Second)
}

// Without is the cluster without a member, which goes on or stays dead.
func (c *Cluster) Without(m *Member) *Cluster {
	rest := *c
	rest.Members = slices.DeleteFunc(slices.Clone(c.Members), func(other *Member) bool { return other == m })
	return &rest
}

// Erase kills a process and removes all that it has on disk.
func (p *Process) Erase() error { return errors.Join(p.Kill(), os.RemoveAll(p.Data)) }

// Gap is the longest time during a load in which no transfer was acknowledged.
func Gap(sent []Sent) time.Duration {
	var ends []time.Time
	for _, s := range sent {
		if s.Acked {
			ends = append(ends, s.ended)
		}
	}
	slices.SortFunc(ends, time.Time.Compare)
	var longest time.Duration
	for i := 1; i < len(ends); i++ {
		longest = max(longest, ends[i].Sub(ends[i-1]))
	}
	return longest
}

// Latency is the share, such as 0.99, of the times that acknowledged transfers took
// whose last attempt began in a period.
func Latency(sent []Sent, from, to time.Time, share float64) time.Duration {
	var took []time.Duration
	for _, s := range sent {
		if s.Acked && s.began.After(from) && s.began.Before(to) {
			took = append(took, s.ended.Sub(s.began))
		}
	}
	if len(took) == 0 {
		return 0
	}
	slices.Sort(took)
	return took[min(int(share*float64(len(took))), len(took)-1)]
}
