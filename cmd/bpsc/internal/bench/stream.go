package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// pollFor is how long a node may wait for a block.
const pollFor = 10 * time.Second

// stream is a kept connection on which blocks are asked for. One goroutine uses it.
type stream struct {
	net.Conn
	host   string
	reader *bufio.Reader
}

// errNotYet: the node does not serve that chain yet.
var errNotYet = errors.New("the node has not begun to serve the chain")

func dialStream(ctx context.Context, t *target, url string) (*stream, error) {
	host, err := hostPort(url)
	if err != nil {
		return nil, err
	}
	conn, err := t.dialer([]string{url})(ctx, 0)
	if err != nil {
		return nil, err
	}
	return &stream{conn, host, bufio.NewReaderSize(conn, 64<<10)}, nil
}

// blocks asks for blocks from an index on, all or limit of them, waits until there is one,
// and counts them.
func (s *stream) blocks(index, limit int) (int, error) {
	query := fmt.Sprintf("from=%d&wait=%s", index, pollFor)
	if limit > 0 {
		query += fmt.Sprintf("&limit=%d", limit)
	}
	if err := s.SetDeadline(time.Now().Add(2 * pollFor)); err != nil {
		return 0, err
	}
	if _, err := fmt.Fprintf(s, "GET /smart/chain?%s HTTP/1.1\r\nHost: %s\r\nAccept: application/x-ndjson\r\n\r\n", query, s.host); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var n lines
	if _, err := io.Copy(&n, resp.Body); err != nil {
		return 0, err
	}
	if resp.StatusCode == http.StatusServiceUnavailable {
		return 0, errNotYet
	}
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("blocks from %d of %s: %s", index, s.host, resp.Status)
	}
	return int(n), nil
}

// lines counts the lines of what is written to it.
type lines int

func (l *lines) Write(p []byte) (int, error) {
	*l += lines(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}
