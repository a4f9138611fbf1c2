package cluster

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/roster"
)

// logged is a log that a test can read while members write.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}

// A member without a leader says whom it waits for and why, each of it once, and
// not every time that raft tries.
func TestMembersWithDifferentLists(t *testing.T) {
	t.Parallel()
	c := newTestCluster(t, 3)
	logs := make([]*logged, 2)
	c.tune = func(i int, cfg *Config) {
		logs[i] = &logged{}
		cfg.Logger = slog.New(slog.NewTextHandler(logs[i], nil))
		if i == 1 { // n2 thinks that n3 is elsewhere
			cfg.Peers = append([]roster.Peer(nil), cfg.Peers...)
			cfg.Peers[2].Addr = listen(t).Addr().String()
		}
	}
	c.spare[2].Close() // n3 does not run
	c.start(0)
	c.start(1)
	for i, other := range []string{"n2", "n1"} {
		waitFor(t, "the reason in the log", func() bool {
			return logs[i].count("no connection to "+other+": it has another list of members") == 1 &&
				logs[i].count("no leader: this member waits for "+other+", n3") > 0
		})
	}
	m, began := c.members[0], time.Now()
	waitFor(t, "raft to have tried for long", func() bool { return time.Since(began) > 10*m.cfg.ElectionTimeout })
	for _, reason := range []string{"waits for n2, n3", "n2: it has another list", "n3: nothing answers at " + c.peers[2].Addr} {
		if !notReadyFor(m, reason)() {
			t.Errorf("it is not ready: %v; want %q", m.Ready(), reason)
		}
	}
	if n := logs[0].count("\n"); n > 15 {
		t.Errorf("%d lines:\n%s", n, logs[0].text.String())
	}
	for _, once := range []string{"no connection to n2", "no leader: this member waits for n2, n3 ", "pre-vote campaign failed", "entering candidate state"} {
		if n := logs[0].count(once); n > 1 {
			t.Errorf("%q stands there %d times", once, n)
		}
	}
}
