package misuse

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

const (
	host     = "Host: localhost\r\n"
	transfer = `{"sender":"a","recipient":"b","amount":1}`
)

// ways are what strangers do on one connection, and what became of it: the status of an
// answer, or closed.
var ways = map[string]func(context.Context, *stranger, *net.TCPConn) string{
	"says nothing": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		_, _ = io.Copy(io.Discard, conn)
		return "closed"
	},
	"slow header": func(ctx context.Context, _ *stranger, conn *net.TCPConn) string {
		return trickle(ctx, conn, "GET /chain HTTP/1.1\r\n"+host+"A: ")
	},
	"slow body": func(ctx context.Context, _ *stranger, conn *net.TCPConn) string {
		return trickle(ctx, conn, "POST /v1/transactions HTTP/1.1\r\n"+host+"Content-Length: 1000000\r\n\r\n{")
	},
	"claims a batch": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		return ask(conn, "POST /v1/transactions:batch HTTP/1.1\r\n"+host+"Content-Length: 8000000\r\n\r\n"+strings.Repeat(" ", 64<<10))
	},
	"large header": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		return ask(conn, "GET /chain HTTP/1.1\r\n"+host+"A: "+strings.Repeat("a", 20<<10)+"\r\n\r\n")
	},
	"huge header": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		return ask(conn, "GET /chain HTTP/1.1\r\n"+host+"A: "+strings.Repeat("a", 200<<10)+"\r\n\r\n")
	},
	"another host": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		return ask(conn, "GET /chain HTTP/1.1\r\nHost: evil.example\r\n\r\n")
	},
	"bad token": func(_ context.Context, s *stranger, conn *net.TCPConn) string {
		token := fmt.Sprintf("bpsc_%043d", s.rng.Uint64())
		return ask(conn, fmt.Sprintf("POST /v1/transactions HTTP/1.1\r\n%sAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", host, token, len(transfer), transfer))
	},
	"reads without end": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		return flood(conn, "GET /v1/accounts/a HTTP/1.1\r\n"+host+"\r\n")
	},
	"writes without end": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		return flood(conn, fmt.Sprintf("POST /v1/transactions HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", host, len(transfer), transfer))
	},
	"tricks": func(_ context.Context, s *stranger, conn *net.TCPConn) string {
		return ask(conn, fmt.Sprintf(tricks[s.rng.IntN(len(tricks))], host))
	},
	"half closed": func(_ context.Context, _ *stranger, conn *net.TCPConn) string {
		_ = say(conn, "GET /smart/chain?from=1000000&wait=20s HTTP/1.1\r\n"+host+"\r\n")
		_ = conn.CloseWrite()
		what, _ := hear(bufio.NewReader(conn), conn)
		return what
	},
	"slow reader": func(ctx context.Context, _ *stranger, conn *net.TCPConn) string {
		_ = conn.SetReadBuffer(4 << 10)
		_ = say(conn, "GET /chain HTTP/1.1\r\n"+host+"\r\n")
		return sip(ctx, conn)
	},
	"reads no events": func(ctx context.Context, _ *stranger, conn *net.TCPConn) string {
		_ = conn.SetReadBuffer(4 << 10)
		_ = say(conn, "GET /v1/events?from=1 HTTP/1.1\r\n"+host+"\r\n")
		return sip(ctx, conn)
	},
	"speaks no HTTP": func(_ context.Context, s *stranger, conn *net.TCPConn) string {
		noise := make([]byte, 300)
		for i := range noise {
			noise[i] = byte(s.rng.Uint32())
		}
		return ask(conn, string(noise)+"\r\n\r\n")
	},
	"comes and goes": func(_ context.Context, s *stranger, conn *net.TCPConn) string {
		for range 20 {
			again, err := (&net.Dialer{LocalAddr: s.address(), Timeout: 20 * time.Second}).Dial("tcp", s.target)
			if err != nil {
				return "no connection"
			}
			_ = again.Close()
		}
		return ask(conn, "GET /livez HTTP/1.1\r\n"+host+"\r\n")
	},
}

var tricks = []string{
	"GET //chain HTTP/1.1\r\n%s\r\n", "GET /v1/../livez HTTP/1.1\r\n%s\r\n", "GET /v1/%%2e%%2e/chain HTTP/1.1\r\n%s\r\n",
	"GET /livez%%00 HTTP/1.1\r\n%s\r\n", "GET /v1%%2Fcontracts HTTP/1.1\r\n%s\r\n", "CONNECT 127.0.0.1:1 HTTP/1.1\r\n%s\r\n",
	"GET http://evil.example/chain HTTP/1.1\r\n%s\r\n", "OPTIONS * HTTP/1.1\r\n%s\r\n", "GET /chain HTTP/1.1\r\nA: b\r\n\r\n%s",
	"GET /chain HTTP/1.1\r\nHost: a\r\n%s\r\n", "POST /chain HTTP/1.1\r\nX-HTTP-Method-Override: DELETE\r\n%s\r\n",
	"GET /" + strings.Repeat("a", 9_000) + " HTTP/1.1\r\n%s\r\n", "POST /v1/transactions HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n%s\r\n",
}

// trickle sends a beginning and then a byte now and then, until that is over.
func trickle(ctx context.Context, conn net.Conn, beginning string) string {
	for err := say(conn, beginning); err == nil && ctx.Err() == nil; err = say(conn, "a") {
		pause(ctx, time.Second)
	}
	what, _ := hear(bufio.NewReader(conn), conn)
	return what
}

// sip reads a byte now and then, until there is no more.
func sip(ctx context.Context, conn net.Conn) string {
	var one [1]byte
	for ctx.Err() == nil {
		if _, err := conn.Read(one[:]); err != nil {
			break
		}
		pause(ctx, time.Second)
	}
	return "closed"
}

// flood asks again as soon as it is answered, until the connection ends.
func flood(conn net.Conn, text string) (what string) {
	in := bufio.NewReader(conn)
	for say(conn, text) == nil {
		got, body := hear(in, conn)
		if got == "closed" || got == "no answer" {
			break
		}
		if what = got; what == "429" {
			break
		}
		if _, err := in.Discard(body); err != nil {
			break
		}
	}
	return what
}
