package cluster

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/health"
)

// testPort is a started port whose peer connections echo.
func testPort(t *testing.T, id string, peers []Peer, l net.Listener) *port {
	t.Helper()
	p, err := openPort(Config{ID: id, Peers: peers, listener: l}, &testPast{}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	p.start(func(_ string, conn net.Conn, _ func()) { io.Copy(conn, conn) })
	t.Cleanup(func() { p.close() })
	return p
}

// testPast is a member to which nothing has happened; what is set happens.
type testPast struct {
	judged error
	met    chan string

	mu      sync.Mutex
	refused []error
	heard   []verdict
}

func (*testPast) word(string) word           { return word{} }
func (p *testPast) judge(string, word) error { return p.judged }

func (p *testPast) meet(peer string, _ word) error {
	if p.met != nil {
		p.met <- peer
	}
	return nil
}

func (p *testPast) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = append(p.refused, err)
}

func (p *testPast) told(_ string, v verdict) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, v)
}

func testMemory(t *testing.T) *memory {
	t.Helper()
	report := func(err error) { t.Error(err) }
	m, err := openMemory(t.TempDir(), "a", health.NewWatchdog(time.Minute, health.NewRunClock(time.Second), testFitness(), report), report)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// testPorts is two members of one cluster.
func testPorts(t *testing.T) (a, b *port) {
	t.Helper()
	la, lb := listen(t), listen(t)
	peers := []Peer{{"a", la.Addr().String()}, {"b", lb.Addr().String()}}
	return testPort(t, "a", peers, la), testPort(t, "b", peers, lb)
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestPeerConnection(t *testing.T) {
	a, _ := testPorts(t)
	conn, err := a.dial(testContext(t), "b", forPeers)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
}

// Whoever is not a member of this cluster gets nowhere, and is told why.
func TestHandshakeRefusals(t *testing.T) {
	a, b := testPorts(t)
	other := testPort(t, "a", []Peer{{"a", "127.0.0.1:1"}, {"b", b.listener.Addr().String()}}, listen(t))
	lost := testPort(t, "a", []Peer{{"a", a.listener.Addr().String()}, {"c", b.listener.Addr().String()}}, listen(t))
	lost.self.cluster = a.self.cluster
	tests := []struct {
		name, to, want string
		from           *port
	}{
		{"other cluster", "b", "another list of members", other},
		{"other member at the address", "c", "another member", lost},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tt.from.dial(testContext(t), tt.to, forPeers)
			if err == nil {
				conn.Close()
				t.Fatal("it was accepted")
			}
			if !errors.Is(err, errHandshake) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// Strangers are cut off: those that speak raft without a handshake or anything
// else at once, the silent ones soon.
func TestStrangers(t *testing.T) {
	_, b := testPorts(t)
	for name, says := range map[string]string{
		"raft":   "\x00\x85",
		"http":   "GET / HTTP/1.1\r\n\r\n",
		"almost": "BPSX" + strings.Repeat("x", 100),
		"silent": "",
		"slow":   "BPSC",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", b.listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, says); err != nil {
				t.Fatal(err)
			}
			conn.SetReadDeadline(time.Now().Add(2*handshakeTimeout + patience))
			if n, err := conn.Read(make([]byte, 1)); n != 0 || isTimeout(err) {
				t.Errorf("read %d, %v: it was not cut off", n, err)
			}
		})
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// More strangers than there are places keep no member out, not once, though they
// wait as long as they may and new ones come.
func TestManyStrangers(t *testing.T) {
	a, b := testPorts(t)
	for range 10 {
		for range 50 {
			conn, err := net.Dial("tcp", b.listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
		for _, why := range []purpose{forRaft, forPeers} {
			conn, err := a.dial(testContext(t), "b", why)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
	}
}

// Every place has its bound. The connection that comes last is the one that is
// wanted: those before may be from before a restart.
func TestPlaces(t *testing.T) {
	a, b := testPorts(t)
	var conns []net.Conn
	for range maxPeerConns + 1 {
		conn, err := a.dial(testContext(t), "b", forPeers)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		// The other side has let it in when it answers.
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		conns = append(conns, conn)
	}
	raft, err := a.dial(testContext(t), "b", forRaft)
	if err != nil {
		t.Fatal(err)
	}
	defer raft.Close()
	for i, conn := range conns {
		conn.SetDeadline(time.Now().Add(patience))
		_, err := io.WriteString(conn, "x")
		if _, readErr := io.ReadFull(conn, make([]byte, 1)); err == nil {
			err = readErr
		}
		if gone := err != nil; gone != (i == 0) {
			t.Errorf("connection %d: %v", i, err)
		}
	}
	waitFor(t, "raft's connection to have its place", func() bool {
		b.mu.Lock()
		defer b.mu.Unlock()
		return len(b.places[place{"a", forRaft}]) == 1
	})
}

// hashicorp/raft#695: heartbeats must reach raft's main goroutine through the
// consumer channel, not be handled on the connection's goroutine.
func TestHeartbeatsTakeTheSlowPath(t *testing.T) {
	a, b := testPorts(t)
	from, to := newTransport(a, testFitness(), testProgress(), testMemory(t), hclog.NewNullLogger()), newTransport(b, testFitness(), testProgress(), testMemory(t), hclog.NewNullLogger())
	defer from.Close()
	defer to.Close()
	to.SetHeartbeatHandler(func(raft.RPC) { t.Error("a heartbeat took the fast path") })

	sent := make(chan error, 1)
	go func() {
		var resp raft.AppendEntriesResponse
		sent <- from.AppendEntries("b", raft.ServerAddress(b.self.peers["b"]), &raft.AppendEntriesRequest{
			RPCHeader: raft.RPCHeader{ProtocolVersion: 3, ID: []byte("a"), Addr: []byte(a.self.peers["a"])}, Term: 1,
		}, &resp)
	}()
	select {
	case rpc := <-to.Consumer():
		rpc.Respond(&raft.AppendEntriesResponse{Success: true}, nil)
	case <-time.After(patience):
		t.Fatal("the heartbeat did not arrive")
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

// hashicorp/raft#612: no pipelining.
func TestNoPipelining(t *testing.T) {
	a, b := testPorts(t)
	trans := newTransport(a, testFitness(), testProgress(), testMemory(t), hclog.NewNullLogger())
	defer trans.Close()
	_, err := trans.AppendEntriesPipeline("b", raft.ServerAddress(b.self.peers["b"]))
	if !errors.Is(err, raft.ErrPipelineReplicationNotSupported) {
		t.Errorf("got %v", err)
	}
}

// Settings on which safety depends.
func TestRaftConfig(t *testing.T) {
	cfg := DefaultConfig()
	cfg.ID = "a"
	c := raftConfig(cfg, hclog.NewNullLogger())
	if err := raft.ValidateConfig(c); err != nil {
		t.Error(err)
	}
	if c.PreVoteDisabled || !c.NoSnapshotRestoreOnStart || !c.BatchApplyCh || c.NotifyCh != nil {
		t.Errorf("%+v", c)
	}
	if o := boltOptions(); o.NoSync || o.NoGrowSync || !o.NoFreelistSync || o.Timeout == 0 {
		t.Errorf("%v", o)
	}
}

func TestConfigValidate(t *testing.T) {
	good := func() Config {
		c := DefaultConfig()
		c.ID, c.Dir, c.Bind = "a", "d", ":7000"
		c.Peers = []Peer{{"a", "h1:7000"}, {"b", "h2:7000"}}
		return c
	}
	if err := good().Validate(); err != nil {
		t.Fatal(err)
	}
	tests := map[string]func(*Config){
		"no directory":       func(c *Config) { c.Dir = "" },
		"not a peer":         func(c *Config) { c.ID = "z" },
		"two of one id":      func(c *Config) { c.Peers[1].ID = "a" },
		"two of one address": func(c *Config) { c.Peers[1].Addr = "h1:7000" },
		"no port":            func(c *Config) { c.Peers[1].Addr = "h2" },
		"no host":            func(c *Config) { c.Peers[1].Addr = ":7000" },
		"bad bind":           func(c *Config) { c.Bind = "7000" },
		"long id":            func(c *Config) { c.Peers[1].ID = strings.Repeat("x", 65) },
		"too many":           func(c *Config) { c.Peers = make([]Peer, 10); fill(c.Peers) },
		"short heartbeat":    func(c *Config) { c.HeartbeatTimeout = 1 },
		"election < heart":   func(c *Config) { c.ElectionTimeout = c.HeartbeatTimeout / 2 },
		"lease > heartbeat":  func(c *Config) { c.LeaderLeaseTimeout = 2 * c.HeartbeatTimeout },
		"no commit time-out": func(c *Config) { c.CommitTimeout = 0 },
		"no interval":        func(c *Config) { c.SnapshotInterval = 0 },
		"no threshold":       func(c *Config) { c.SnapshotThreshold = 0 },
		"stall < heartbeat":  func(c *Config) { c.DiskStall = time.Millisecond },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			c := good()
			spoil(&c)
			if c.Validate() == nil {
				t.Error("it passes")
			}
		})
	}
}

func fill(peers []Peer) {
	for i := range peers {
		peers[i] = Peer{ID: string(rune('a' + i)), Addr: "h:" + string(rune('1'+i))}
	}
}
