package port

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// Only a host that says that nobody listens proves that a process has ended.
func TestNobodyListens(t *testing.T) {
	dialled := func(call string, errno syscall.Errno) error {
		return &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError(call, errno)}
	}
	for name, c := range map[string]struct {
		err  error
		want bool
	}{
		"refused":                                      {dialled("connect", syscall.ECONNREFUSED), true},
		"no descriptor left to dial with":              {dialled("socket", syscall.EMFILE), false},
		"none left on the machine":                     {dialled("socket", syscall.ENFILE), false},
		"no port left to dial from":                    {dialled("connect", syscall.EADDRNOTAVAIL), false},
		"no way to the host":                           {dialled("connect", syscall.EHOSTUNREACH), false},
		"a firewall says no":                           {dialled("connect", syscall.EACCES), false},
		"nothing answers":                              {dialled("connect", syscall.ETIMEDOUT), false},
		"time is up":                                   {context.DeadlineExceeded, false},
		"reset after it was accepted":                  {fmt.Errorf("%w with b: %w", errHandshake, syscall.ECONNRESET), false},
		"closed in the handshake":                      {fmt.Errorf("%w with b: %w", errHandshake, errPlain), false},
		"the server of names is not there":             {&net.OpError{Op: "dial", Err: &net.DNSError{UnwrapErr: dialled("read", syscall.ECONNREFUSED)}}, false},
		"refused by the member, with what was wrapped": {fmt.Errorf("cluster: %w", dialled("connect", syscall.ECONNREFUSED)), true},
		"nothing": {nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := NobodyListens(c.err); got != c.want {
				t.Errorf("%v: %v", c.err, got)
			}
		})
	}
}

// What the operating system says of an address without a listener, of one that accepts
// and hangs up, and of one whose backlog is full.
func TestNobodyListensByTheOperatingSystem(t *testing.T) {
	ended := listen(t)
	ended.Close()
	rude := listen(t)
	defer rude.Close()
	go func() {
		for {
			conn, err := rude.Accept()
			if err != nil {
				return
			}
			_ = conn.(*net.TCPConn).SetLinger(0)
			_ = conn.Close()
		}
	}()
	full := fullBacklog(t)
	a := testPort(t, Self{Name: "a", Cluster: "01"}, map[string]string{"ended": ended.Addr().String(), "rude": rude.Addr().String(), "full": full}, listen(t))
	for to, want := range map[string]bool{"ended": true, "rude": false, "full": false} {
		within := patience
		if to == "full" {
			within = 200 * time.Millisecond // nobody answers
		}
		ctx, cancel := context.WithTimeout(t.Context(), within)
		conn, err := a.Dial(ctx, to)
		cancel()
		if conn != nil {
			conn.Close()
		}
		if err == nil || NobodyListens(err) != want {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// fullBacklog is an address of a listener that accepts nothing, and has no room for more.
func fullBacklog(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := errors.Join(syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(fd, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", name.(*syscall.SockaddrInet4).Port)
	for range 3 {
		if conn, err := net.DialTimeout("tcp", addr, 50*time.Millisecond); err == nil {
			t.Cleanup(func() { conn.Close() })
		}
	}
	return addr
}

// Connections that a member has opened are heard until it closes them; those that were
// opened to it say nothing, for nobody may be reading from them.
func TestHears(t *testing.T) {
	a, b := testPorts(t)
	if a.Hears("b") || b.Hears("a") {
		t.Fatal("heard before anything was said")
	}
	conn, err := a.Dial(t.Context(), "b")
	if err != nil {
		t.Fatal(err)
	}
	waitUntil(t, func() bool { return b.Hears("a") })
	if a.Hears("b") || b.Hears("c") {
		t.Error("heard whoever said nothing")
	}
	conn.Close()
	waitUntil(t, func() bool { return !b.Hears("a") })
}

func waitUntil(t *testing.T, ok func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for tick := time.NewTicker(time.Millisecond); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("waited in vain")
		}
	}
}
