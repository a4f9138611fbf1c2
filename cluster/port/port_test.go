package port

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bpsc/bpsc/cluster/memory"
)

// patience is how long a test waits for something that should happen.
const patience = 20 * time.Second

// testPort is a started port whose peer connections echo.
func testPort(t *testing.T, self Self, members map[string]string, l net.Listener) *Port {
	t.Helper()
	p := New(l, self, testJudge{}, slog.New(slog.DiscardHandler))
	p.Follow(members)
	p.Start()
	p.Welcome(func(_ string, conn net.Conn, _ func()) { io.Copy(conn, conn) })
	t.Cleanup(func() { p.Close() })
	return p
}

// testJudge is a member to which nothing has happened.
type testJudge struct{}

func (testJudge) Position(string) memory.Position      { return memory.Position{} }
func (testJudge) Judge(string, memory.Position) error  { return nil }
func (testJudge) Accept(string, memory.Position) error { return nil }
func (testJudge) Condemn(error)                        {}
func (testJudge) Rejected(string, Verdict)             {}
func (testJudge) Removed(peer string) bool             { return peer == "gone" }
func (testJudge) Departed(peer string) bool            { return strings.HasPrefix(peer, "left") }
func (testJudge) Answer(q Inquiry) Reply               { return Reply{ID: "b", Standing: Standing("of " + q.ID)} }

// testPorts is two members of one cluster.
func testPorts(t *testing.T) (a, b *Port) {
	t.Helper()
	la, lb := listen(t), listen(t)
	peers := map[string]string{"a": la.Addr().String(), "b": lb.Addr().String()}
	return testPort(t, Self{Name: "a", Cluster: "01"}, peers, la), testPort(t, Self{Name: "b", Cluster: "01"}, peers, lb)
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
	conn, err := a.Dial(t.Context(), "b")
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
	_, b := testPorts(t)
	at := b.listener.Addr().String()
	other := testPort(t, Self{Name: "a", Cluster: "02"}, map[string]string{"b": at}, listen(t))
	lost := testPort(t, Self{Name: "a", Cluster: "01"}, map[string]string{"c": at}, listen(t))
	removed := testPort(t, Self{Name: "gone", Cluster: "01"}, map[string]string{"b": at}, listen(t))
	wait := listen(t)
	testPort(t, Self{Name: "w"}, nil, wait)
	early := testPort(t, Self{Name: "a", Cluster: "01"}, map[string]string{"w": wait.Addr().String()}, listen(t))
	tests := []struct {
		name, to, want string
		from           *Port
	}{
		{"other cluster", "b", "another list of members", other},
		{"other member at the address", "c", "another member", lost},
		{"removed", "b", "was removed", removed},
		{"not added yet", "w", "waits to be added", early},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			conn, err := tt.from.Dial(t.Context(), tt.to)
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

// Who is no member is cut off: those that speak raft without a handshake or anything
// else at once, the silent ones soon.
func TestUnknownConnections(t *testing.T) {
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

// More connections in handshake than there are slots keep no member out, not once,
// though they wait as long as they may and new ones come.
func TestManyUnknownConnections(t *testing.T) {
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
			conn, err := a.dial(t.Context(), "b", b.listener.Addr().String(), why)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
		}
	}
}

// Every slot has its bound. The connection that comes last is the one that is
// wanted: those before may be from before a restart.
func TestSlots(t *testing.T) {
	a, b := testPorts(t)
	var conns []net.Conn
	for range maxPeerConns + 1 {
		conn, err := a.Dial(t.Context(), "b")
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
	raft, err := a.Raft().Dial(Target("b", b.listener.Addr().String()), patience)
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
	for deadline := time.Now().Add(patience); ; { // the other side may not have let it in yet
		b.mu.Lock()
		in := len(b.slots[slot{"a", forRaft}])
		b.mu.Unlock()
		if in == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("raft's connection has no slot")
		}
		runtime.Gosched()
	}
}

// The bounds fit together.
func TestAPeersConnectionsFit(t *testing.T) {
	if 2*(RaftPool+4) > maxRaftConns || 2*2 > maxPeerConns {
		t.Error("they do not")
	}
}

// Who is not known is let in, as is one that was added while this member was away;
// all such members share what one has.
func TestMembersThatAreNotKnownYet(t *testing.T) {
	_, b := testPorts(t)
	at := b.listener.Addr().String()
	for _, name := range []string{"c", "d"} {
		p := testPort(t, Self{Name: name, Cluster: "01"}, map[string]string{"b": at}, listen(t))
		conn, err := p.Dial(t.Context(), "b")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := io.WriteString(conn, "x"); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := len(b.slots[slot{"", forPeers}]); n != 2 {
		t.Errorf("%d connections share the slot", n)
	}
}

// A member that is none any more loses its connections.
func TestConnectionsOfAMemberThatWasRemovedEnd(t *testing.T) {
	a, b := testPorts(t)
	conn, err := a.Dial(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "x"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	b.Follow(map[string]string{"b": b.listener.Addr().String()})
	if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
		t.Errorf("got %v", err)
	}
}

// removesOnceAccepted is a member that learns that another one was removed at the last
// moment: it has accepted its connection, and that has no slot yet.
type removesOnceAccepted struct {
	testJudge
	port    **Port
	removed *atomic.Bool
}

func (j removesOnceAccepted) Removed(string) bool { return j.removed.Load() }
func (j removesOnceAccepted) Accept(string, memory.Position) error {
	j.removed.Store(true)
	(*j.port).Dismiss()
	return nil
}

// A configuration that has not got a member may be from before it was added: only the
// connections of those that are known as removed end.
func TestOnlyWhoWasRemovedIsDismissed(t *testing.T) {
	removed := new(atomic.Bool)
	l := listen(t)
	at := map[string]string{"b": l.Addr().String()}
	b := New(l, Self{Name: "b", Cluster: "01"}, removesLater{removed: removed}, slog.New(slog.DiscardHandler))
	b.Follow(at)
	b.Start()
	b.Welcome(func(_ string, conn net.Conn, _ func()) { io.Copy(conn, conn) })
	t.Cleanup(func() { b.Close() })
	later := testPort(t, Self{Name: "c", Cluster: "01"}, at, listen(t))
	conn, err := later.Dial(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	echo := func() error {
		_, err := io.WriteString(conn, "x")
		if err == nil {
			_, err = io.ReadFull(conn, make([]byte, 1))
		}
		return err
	}
	if err := echo(); err != nil { // it has been welcomed
		t.Fatal(err)
	}
	b.Dismiss()
	if err := echo(); err != nil {
		t.Fatalf("a member of which this one has not heard yet: %v", err)
	}
	removed.Store(true)
	b.Dismiss()
	if err := echo(); err == nil || isTimeout(err) {
		t.Errorf("one that was removed: %v", err)
	}
}

// removesLater learns at some time that the other was removed.
type removesLater struct {
	testJudge
	removed *atomic.Bool
}

func (j removesLater) Removed(string) bool { return j.removed.Load() }

func TestAMemberThatIsRemovedWhileItConnectsIsToldSo(t *testing.T) {
	l := listen(t)
	at := map[string]string{"b": l.Addr().String()}
	var b *Port
	b = New(l, Self{Name: "b", Cluster: "01"}, removesOnceAccepted{port: &b, removed: new(atomic.Bool)}, slog.New(slog.DiscardHandler))
	b.Follow(at)
	b.Start()
	b.Welcome(func(_ string, conn net.Conn, _ func()) { io.Copy(conn, conn) })
	t.Cleanup(func() { b.Close() })
	removed := testPort(t, Self{Name: "c", Cluster: "01"}, at, listen(t))
	if conn, err := removed.Dial(t.Context(), "b"); err == nil { // otherwise it was quick enough to be told at once
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		if _, err := conn.Read(make([]byte, 1)); err == nil || isTimeout(err) {
			t.Fatalf("got %v: it stays connected", err)
		}
	}
	if _, err := removed.Dial(t.Context(), "b"); err == nil || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("got %v when it came again", err)
	}
}

// An inquiry is answered whoever asks, and before members are welcome.
func TestInquiries(t *testing.T) {
	_, b := testPorts(t)
	starting := New(listen(t), Self{Name: "s"}, testJudge{}, slog.New(slog.DiscardHandler))
	starting.Start()
	t.Cleanup(func() { starting.Close() })
	stranger := testPort(t, Self{Name: "x"}, nil, listen(t))
	for name, p := range map[string]*Port{"a member": b, "one that starts": starting} {
		r, err := stranger.Inquire(t.Context(), p.listener.Addr().String(), Inquiry{ID: "x"})
		if err != nil || r.ID != "b" || r.Standing != "of x" {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
}

// Whatever a process says first, nobody panics, and what was read as an inquiry is one.
func FuzzInquiry(f *testing.F) {
	hello, err := appendJSON(nil, Inquiry{ID: "n4", Instance: "00", Cluster: "01", Invite: "n4~00"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(hello)
	f.Add([]byte{0, 2, '{', '}'})
	f.Add([]byte{255, 255})
	f.Fuzz(func(t *testing.T, data []byte) {
		var q, again Inquiry
		if readJSON(bytes.NewReader(data), &q) != nil {
			return
		}
		written, err := appendJSON(nil, q)
		if err != nil {
			return // the same, written out, is too long
		}
		if err := readJSON(bytes.NewReader(written), &again); err != nil || again != q {
			t.Errorf("%+v came back as %+v, %v", q, again, err)
		}
	})
}
