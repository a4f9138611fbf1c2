package e2e

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// dial opens a connection of which a test has everything in its hands.
func dial(t *testing.T, url string) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	tcp := conn.(*net.TCPConn)
	_ = tcp.SetReadBuffer(4 << 10) // who does not read is to be noticed soon
	return tcp
}

// say writes to a connection that the other side may have closed.
func say(conn net.Conn, format string, args ...any) {
	_ = conn.SetWriteDeadline(time.Now().Add(5 * time.Second))
	_, _ = fmt.Fprintf(conn, format, args...)
}

// hear reads one whole answer.
func hear(conn net.Conn) (answer, error) {
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, body}, err
}

const oneTransfer = `{"sender":"a","recipient":"b","amount":1}`

// mustTransfer is what has to go on whatever others do.
func mustTransfer(t *testing.T, url string) {
	t.Helper()
	if a := call(t, "POST", url+"/v1/transactions", oneTransfer); a.status != http.StatusCreated {
		t.Fatalf("a transfer is answered with %s", a)
	}
}

// grown fails the test when a process had more memory at its peak than this much
// beyond what it has before.
func grown(t *testing.T, p *harness.Process, limit int64) (check func()) {
	t.Helper()
	before, err := p.Memory()
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		after, err := p.Memory()
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%d MiB before, at most %d MiB since", before.Now>>20, after.Peak>>20)
		if after.Peak-before.Now > limit {
			t.Errorf("the process grew by %d MiB, more than %d", (after.Peak-before.Now)>>20, limit>>20)
		}
	}
}

// Bodies cost what has come of them, not what they are said to have.
func TestClaimedBodiesCostNothing(t *testing.T) {
	c := startCluster(t, harness.Options{Members: 1})
	m := c.Members[0]
	check := grown(t, &m.Process, 128<<20)
	for i := range 1_000 {
		head := "Content-Length: 8388608\r\n\r\n{"
		if i%2 == 1 {
			head = "Transfer-Encoding: chunked\r\n\r\n800000\r\n{"
		}
		say(dial(t, m.URL), "POST /v1/transactions:batch HTTP/1.1\r\nHost: localhost\r\n%s", head)
	}
	mustTransfer(t, m.URL)
	check()
}

// Readers that do not read cost a bounded amount, all together; who comes when it
// is used up is told to come again.
func TestReadersThatDoNotRead(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Members: 1})
	m := c.Members[0]
	forgeLargeBlocks(t, m.URL, 4)
	// Started anew it has the blocks on disk, so that each reader gets its own.
	if err := m.Terminate(); err != nil {
		t.Fatal(err)
	}
	if _, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	check := grown(t, &m.Process, 600<<20)
	var readers []*net.TCPConn
	paths := []string{"/chain", "/smart/chain", "/v1/blocks", "/v1/blocks/2", "/v1/events?from=1"}
	for i := range 600 {
		conn := dial(t, m.URL)
		readers = append(readers, conn)
		say(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", paths[i%len(paths)])
	}
	refused := 0
	for i, conn := range readers {
		if _, err := awaitByte(conn, 10*time.Second); err != nil {
			t.Fatalf("%s: nothing is answered: %v", paths[i%len(paths)], err)
		}
		head := make([]byte, 512)
		n, _ := conn.Read(head)
		if bytes.HasPrefix(head[:n], []byte("TTP/1.1 503 ")) && bytes.Contains(head[:n], []byte("Retry-After:")) {
			refused++
		}
	}
	t.Logf("%d of %d are told to come again", refused, len(readers))
	if refused == 0 {
		t.Error("600 readers that do not read get all that they ask for")
	}
	mustTransfer(t, m.URL)
	check()
	for _, conn := range readers {
		_ = conn.Close()
	}
	err := harness.Until(t.Context(), 20*time.Second, "the chain can be read again", func(ctx context.Context) error {
		if a := call(t, "GET", m.URL+"/chain", ""); a.status != http.StatusOK {
			return errors.New(strconv.Itoa(a.status))
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// forgeLargeBlocks forges blocks of some MiB.
func forgeLargeBlocks(t *testing.T, url string, count int) {
	t.Helper()
	item := `{"sender":"` + strings.Repeat("s", 100) + `","recipient":"` + strings.Repeat("r", 100) + `","amount":1,"memo":"` + strings.Repeat("m", 200) + `"}`
	batch := `{"transactions":[` + strings.Repeat(item+",", 4_999) + item + `]}`
	for range count {
		if a := call(t, "POST", url+"/v1/transactions:batch", batch); a.status != http.StatusOK {
			t.Fatalf("%d %.200s", a.status, a.body)
		}
		if a := call(t, "POST", url+"/mine", ""); a.status != http.StatusOK {
			t.Fatalf("%d %.200s", a.status, a.body)
		}
	}
}

// awaitByte reads one byte.
func awaitByte(conn net.Conn, limit time.Duration) (byte, error) {
	_ = conn.SetReadDeadline(time.Now().Add(limit))
	var one [1]byte
	_, err := io.ReadFull(conn, one[:])
	return one[0], err
}

// A client may close its side of the connection once it has asked: netcat does,
// and some load balancers.
func TestHalfClosedClients(t *testing.T) {
	c := startCluster(t, harness.Options{Args: []string{"--heartbeat", "1s"}})
	f := follow(t, "f1", c.URLs()...)
	urls := append(c.URLs(), f.URL)
	for i := range 50 {
		url := urls[i%len(urls)]
		conn := dial(t, url)
		say(conn, "POST /v1/transactions HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
			strings.TrimPrefix(url, "http://"), len(oneTransfer), oneTransfer)
		if err := conn.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if a, err := hear(conn); err != nil || a.status != http.StatusCreated {
			t.Errorf("transfer %d through %s: %v %v", i, url, a, err)
		}
	}
	for _, url := range urls {
		poll, events := dial(t, url), dial(t, url)
		say(poll, "GET /smart/chain?from=%d&wait=20s HTTP/1.1\r\nHost: localhost\r\n\r\n", chainLength(t, url)+1)
		say(events, "GET /v1/events?only=blocks HTTP/1.1\r\nHost: localhost\r\n\r\n")
		for _, conn := range []*net.TCPConn{poll, events} {
			if err := conn.CloseWrite(); err != nil {
				t.Fatal(err)
			}
		}
		head, err := bufio.NewReaderSize(events, 16).ReadString('\n')
		if err != nil || !strings.Contains(head, "200 OK") {
			t.Fatalf("events of %s: %q %v", url, head, err)
		}
		if a := call(t, "POST", c.Members[0].URL+"/mine", ""); a.status != http.StatusOK {
			t.Fatal(a)
		}
		if a, err := hear(poll); err != nil || a.status != http.StatusOK || bytes.Contains(a.body, []byte(`"smart chain": []`)) {
			t.Errorf("a long poll of %s: %.200s %v", url, a.body, err)
		}
		_ = events.SetReadDeadline(time.Now().Add(20 * time.Second))
		for lines := bufio.NewScanner(events); ; {
			if !lines.Scan() {
				t.Errorf("events of %s end before the block: %v", url, lines.Err())
				break
			}
			if lines.Text() == "event: block" {
				break
			}
		}
	}
}

// chainLength is how many blocks a node has.
func chainLength(t *testing.T, url string) (n int) {
	t.Helper()
	var chain struct{ Length int }
	call(t, "GET", url+"/chain?limit=1", "").json(t, &chain)
	return chain.Length
}
