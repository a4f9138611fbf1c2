package port

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/certwatch"
	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/pki/pkitest"
)

// securePort is a started port that echoes, with what it logs.
type securePort struct {
	*Port
	at    string
	log   *lines
	files certwatch.Files
}

type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// member starts a port of a cluster "one" with a certificate of the authority; without
// one where that is nil.
func member(t *testing.T, ca *pki.Authority, name string, acceptPlain bool) securePort {
	t.Helper()
	id, _, _ := strings.Cut(name, "~")
	if ca == nil {
		return open(t, Self{Name: name, Cluster: "01"}, certwatch.Files{})
	}
	files := pkitest.Write(t, t.TempDir(), pkitest.Member(t, ca, "one", id, time.Now()), ca)
	source, err := certwatch.OpenMember(files, id, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return open(t, Self{Name: name, Cluster: "01", Security: Security{source, acceptPlain}}, files)
}

func open(t *testing.T, self Self, files certwatch.Files) securePort {
	t.Helper()
	log, l := &lines{}, listen(t)
	p := New(l, self, testJudge{}, slog.New(slog.NewTextHandler(log, nil)))
	p.Start()
	p.Welcome(func(_ string, conn net.Conn, _ func()) { io.Copy(conn, conn) })
	t.Cleanup(func() { p.Close() })
	return securePort{p, l.Addr().String(), log, files}
}

// echoed sends to a member and waits for the echo; it tells whether that went over TLS.
func echoed(t *testing.T, from *Port, to, at string) (encrypted bool, err error) {
	t.Helper()
	from.Follow(map[string]string{to: at})
	conn, err := from.Dial(t.Context(), to)
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_, encrypted = conn.(*portConn).Conn.(*tls.Conn)
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "x"); err != nil {
		return false, err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return encrypted, err
}

func TestMembersTalkOverTLS(t *testing.T) {
	ca := pkitest.Authority(t, "one")
	a, b := member(t, ca, "a", false), member(t, ca, "b~"+strings.Repeat("0", 32), false)
	if encrypted, err := echoed(t, a.Port, b.name, b.at); !encrypted || err != nil {
		t.Errorf("encrypted: %v, %v", encrypted, err)
	}
	if r, err := b.Inquire(t.Context(), a.at, Inquiry{ID: "b"}); err == nil || !strings.Contains(err.Error(), "calls itself b, and its certificate names a") {
		t.Errorf("the judge of all of these answers as b: %+v, %v", r, err)
	}
	if r, err := a.Inquire(t.Context(), b.at, Inquiry{ID: "a"}); err != nil || r.ID != "b" {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := a.Inquire(t.Context(), b.at, Inquiry{ID: "b"}); err == nil {
		t.Error("an inquiry in another's name was answered")
	}
}

// Whatever is wrong with a certificate, its member is turned away, on either side, and
// both know why.
func TestBadCertificates(t *testing.T) {
	ca, foreign := pkitest.Authority(t, "one"), pkitest.Authority(t, "one")
	now := time.Now()
	b := member(t, ca, "b", false)
	for _, tt := range []struct {
		name  string
		pair  *pki.Pair
		said  string // by whoever looks at it
		alert string // what its owner is told
	}{
		{"expired", ptr(pkitest.Member(t, ca, "one", "a", now.Add(-48*time.Hour))), "its certificate has expired: it ended on", "expired certificate"},
		{"not yet", ptr(pkitest.Member(t, ca, "one", "a", now.Add(48*time.Hour))), "its certificate is not valid yet: it begins on", "expired certificate"},
		{"foreign authority", ptr(pkitest.Member(t, foreign, "one", "a", now)), "from an authority that is not trusted here", "unknown certificate authority"},
		{"self-signed", ptr(pkitest.SelfSigned(t, "one", "a")), "its certificate is self-signed", "unknown certificate authority"},
		{"other cluster", ptr(pkitest.Member(t, ca, "two", "a", now)), "it is of cluster two, and this is one", "bad certificate"},
		{"no member's", ptr(pkitest.Server(t, ca)), "is not for this use", "bad certificate"},
		{"none", nil, "it shows no certificate", "certificate required"},
	} {
		t.Run("caller: "+tt.name, func(t *testing.T) {
			cfg := &tls.Config{InsecureSkipVerify: true, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if tt.pair == nil {
					return &tls.Certificate{}, nil
				}
				c := pkitest.TLS(*tt.pair)
				return &c, nil
			}}
			b.turned.mu.Lock()
			clear(b.turned.said)
			b.turned.mu.Unlock()
			conn, err := tls.Dial("tcp", b.at, cfg)
			if err == nil {
				io.WriteString(conn, "BPSC"+strings.Repeat("x", 200))
				conn.SetDeadline(now.Add(patience))
				_, err = conn.Read(make([]byte, 1))
				conn.Close()
			}
			if err == nil || !strings.Contains(err.Error(), tt.alert) {
				t.Errorf("it was told %v, want %q", err, tt.alert)
			}
			waitFor(t, func() bool { return strings.Contains(b.log.String(), tt.said) }, func() string { return b.log.String() })
		})
		if tt.pair == nil {
			continue
		}
		t.Run("listener: "+tt.name, func(t *testing.T) {
			l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pkitest.TLS(*tt.pair)}})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				if conn, err := l.Accept(); err == nil {
					io.Copy(io.Discard, conn)
					conn.Close()
				}
			}()
			_, err = echoed(t, b.Port, "a", l.Addr().String())
			if said := Refusal(err, "a"); err == nil || !strings.Contains(said, strings.ReplaceAll(tt.said, "is not for this use", "its certificate names no member")) {
				t.Errorf("got %q of %v, want %q", said, err, tt.said)
			}
		})
	}
	if _, err := echoed(t, member(t, ca, "a", false).Port, "b", b.at); err != nil {
		t.Errorf("a good one: %v", err)
	}
}

func ptr[T any](v T) *T { return &v }

// waitFor waits for what other goroutines do.
func waitFor(t *testing.T, is func() bool, state func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for tick := time.NewTicker(time.Millisecond); !is(); {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("not in time: %s", state())
		}
	}
}

// A certificate is good for one member, whatever its owner calls itself, and whom it finds
// at an address has to be who was looked for.
func TestACertificateIsOneMembers(t *testing.T) {
	ca := pkitest.Authority(t, "one")
	a, b := member(t, ca, "a", false), member(t, ca, "b", false)
	if _, err := echoed(t, a.Port, "c", b.at); !strings.Contains(Refusal(err, "c"), "names b, and c was looked for") {
		t.Errorf("another at the address: %v", err)
	}
	a.Belong("c", "01")
	if _, err := echoed(t, a.Port, "b", b.at); !strings.Contains(Refusal(err, "b"), "certificate is another's") {
		t.Errorf("a calls itself c: %v", err)
	}
}

// Who was removed gets no further, under whatever instance it comes, with a certificate
// that is still good.
func TestRemovedWithAGoodCertificate(t *testing.T) {
	ca := pkitest.Authority(t, "one")
	b := member(t, ca, "b", false)
	for name, want := range map[string]string{"gone": "was removed", "left~" + strings.Repeat("1", 32): "was removed, and not added again"} {
		if _, err := echoed(t, member(t, ca, name, false).Port, "b", b.at); !strings.Contains(Refusal(err, "b"), want) {
			t.Errorf("%s: got %v, want %q", name, err, want)
		}
	}
}

// One of two speaks TLS and the other does not: both say so.
func TestPlainMeetsTLS(t *testing.T) {
	ca := pkitest.Authority(t, "one")
	a, b := member(t, ca, "a", false), member(t, nil, "b", false)
	if _, err := echoed(t, a.Port, "b", b.at); !strings.Contains(Refusal(err, "b"), "it speaks without TLS") {
		t.Errorf("TLS on a plain port: %v", err)
	}
	if _, err := echoed(t, b.Port, "a", a.at); !strings.Contains(Refusal(err, "a"), "it takes no connection without TLS") {
		t.Errorf("plain on a port of TLS: %v", err)
	}
	if _, err := b.Inquire(t.Context(), a.at, Inquiry{ID: "b"}); err == nil || !strings.Contains(err.Error(), "it takes no connection without TLS") {
		t.Errorf("a plain inquiry on a port of TLS: %v", err)
	}
	waitFor(t, func() bool { return strings.Contains(a.log.String(), "it speaks without TLS") }, a.log.String)
	waitFor(t, func() bool {
		return strings.Contains(b.log.String(), "it speaks TLS, and this member has no certificate")
	}, b.log.String)
}

// A cluster goes over to TLS one member after the other: those that accept both talk to
// those that speak either, and TLS among each other.
func TestGoingOverToTLS(t *testing.T) {
	ca := pkitest.Authority(t, "one")
	plain, between, strict := member(t, nil, "p", false), member(t, ca, "m", true), member(t, ca, "s", false)
	other := member(t, ca, "o", true)
	for _, tt := range []struct {
		from, to  securePort
		encrypted bool
	}{
		{plain, between, false}, {between, plain, false}, {between, strict, true}, {strict, between, true}, {between, other, true},
	} {
		if encrypted, err := echoed(t, tt.from.Port, tt.to.name, tt.to.at); err != nil || encrypted != tt.encrypted {
			t.Errorf("%s to %s: encrypted: %v, %v", tt.from.name, tt.to.name, encrypted, err)
		}
	}
}

// The release before hangs up where TLS begins.
func TestGoingOverFromAnOlderRelease(t *testing.T) {
	l := listen(t)
	defer l.Close()
	first := make(chan byte, 2)
	go func() {
		for range 2 {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			b := make([]byte, 1)
			io.ReadFull(conn, b)
			first <- b[0]
			conn.Close()
		}
	}()
	m := member(t, pkitest.Authority(t, "one"), "m", true)
	_, err := echoed(t, m.Port, "old", l.Addr().String())
	if err == nil || <-first != recordHandshake || <-first != handshakeMagic[0] {
		t.Errorf("it tried TLS, and then without: %v", err)
	}
}

// New certificates, of a new authority too, are those of the next connections.
func TestCertificatesChangeWithoutARestart(t *testing.T) {
	ca, next := pkitest.Authority(t, "one"), pkitest.Authority(t, "one")
	a, b := member(t, ca, "a", false), member(t, ca, "b", false)
	step := func(what string, m securePort, signer *pki.Authority, trusted ...*pki.Authority) {
		t.Helper()
		pkitest.Write(t, strings.TrimSuffix(m.files.Cert, "/tls.crt"), pkitest.Member(t, signer, "one", m.name, time.Now()), trusted...)
		if err := m.security.Certificates.Reload(); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for _, pair := range [][2]securePort{{a, b}, {b, a}} {
			if encrypted, err := echoed(t, pair[0].Port, pair[1].name, pair[1].at); !encrypted || err != nil {
				t.Errorf("%s: %s to %s: %v", what, pair[0].name, pair[1].name, err)
			}
		}
	}
	step("a trusts both", a, ca, ca, next)
	step("b trusts both", b, ca, ca, next)
	step("a has a new one", a, next, ca, next)
	step("b has a new one", b, next, ca, next)
	step("a forgets the old authority", a, next, next)
	step("b forgets the old authority", b, next, next)
}
