package main

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// conn is a kept-open HTTP/1.1 connection. It does the least that is right,
// because it shares its cores with the members that it measures.
type conn struct {
	net.Conn
	host   string
	reader *bufio.Reader
}

const (
	answerLimit = 30 * time.Second
	pollFor     = 10 * time.Second // how long a member or follower may wait for a block
)

func dial(url string) (*conn, error) { return dialTrusting(url, nil) }

// dialTrusting is dial, over TLS where it is told whom to trust.
func dialTrusting(url string, trusted *tls.Config) (*conn, error) {
	if trusted != nil {
		host := strings.TrimPrefix(url, "https://")
		c, err := tls.Dial("tcp", host, trusted)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c, host: host, reader: bufio.NewReaderSize(c, 64<<10)}, nil
	}
	host := strings.TrimPrefix(url, "http://")
	c, err := net.Dial("tcp", host)
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c, host: host, reader: bufio.NewReaderSize(c, 64<<10)}, nil
}

// request is the text of a POST.
func (c *conn) request(path, body string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
		path, c.host, len(body), body)
}

// blocksFrom is the text of a GET for blocks, one a line, that waits until there
// is one; limit 0 is for all of them.
func (c *conn) blocksFrom(index, limit int) []byte {
	query := fmt.Sprintf("from=%d&wait=%s", index, pollFor)
	if limit > 0 {
		query += fmt.Sprintf("&limit=%d", limit)
	}
	return fmt.Appendf(nil, "GET /smart/chain?%s HTTP/1.1\r\nHost: %s\r\nAccept: application/x-ndjson\r\n\r\n", query, c.host)
}

// lines counts the lines of what is written to it.
type lines int

func (l *lines) Write(p []byte) (int, error) {
	*l += lines(bytes.Count(p, []byte{'\n'}))
	return len(p), nil
}

// send writes a request and reads past the answer.
func (c *conn) send(request []byte) (status int, err error) { return c.ask(request, io.Discard) }

// ask writes a request and copies the body of the answer.
func (c *conn) ask(request []byte, body io.Writer) (status int, err error) {
	if err := c.SetDeadline(time.Now().Add(answerLimit)); err != nil {
		return 0, err
	}
	if _, err := c.Write(request); err != nil {
		return 0, err
	}
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("status line %q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, fmt.Errorf("status line %q", line)
	}
	return status, c.readAnswer(body)
}

// readAnswer reads past the header and copies the body.
func (c *conn) readAnswer(body io.Writer) error {
	length := -1
	for {
		line, err := c.reader.ReadSlice('\n')
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		name, value, _ := bytes.Cut(line, []byte(": "))
		switch {
		case len(line) == 0 && length >= 0:
			_, err := io.CopyN(body, c.reader, int64(length))
			return err
		case len(line) == 0:
			return errors.New("the answer has no length")
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil {
				return err
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			return c.readChunks(body)
		}
	}
}

// readChunks reads past the rest of a header and copies a body in chunks.
func (c *conn) readChunks(body io.Writer) error {
	inHeader := true
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return err
		}
		line = strings.TrimRight(line, "\r\n")
		if inHeader {
			inHeader = line != ""
			continue
		}
		size, err := strconv.ParseInt(line, 16, 64)
		if err != nil {
			return fmt.Errorf("chunk of size %q", line)
		}
		if _, err := io.CopyN(body, c.reader, size); err != nil {
			return err
		}
		if _, err := c.reader.Discard(len("\r\n")); err != nil {
			return err
		}
		if size == 0 {
			return nil
		}
	}
}
