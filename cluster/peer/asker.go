package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// How long the answer to a status request may take.
const statusTimeout = time.Second

// Asker asks one member how it is, again and again, over one connection. It is used
// by one goroutine.
type Asker struct {
	conn net.Conn
	r    *bufio.Reader
	last uint64 // id of the last request
}

// NewAsker returns an asker on a connection to a Server.
func NewAsker(conn net.Conn) *Asker { return &Asker{conn: conn, r: bufio.NewReader(conn)} }

// Ask asks once.
func (a *Asker) Ask(status any) error {
	a.last++
	if err := writeFrame(a.conn, frame{kind: frameStatus, id: a.last}); err != nil {
		return err
	}
	if err := a.conn.SetReadDeadline(time.Now().Add(statusTimeout)); err != nil {
		return err
	}
	f, err := readFrame(a.r, maxStatusBytes)
	if err != nil {
		return err
	}
	if f.kind != frameStatusAnswer || f.id != a.last {
		return fmt.Errorf("%w of kind %d", errFrame, f.kind)
	}
	if err := json.Unmarshal(f.body, status); err != nil {
		return fmt.Errorf("%w: %w", errFrame, err)
	}
	return nil
}

// Rest waits; it ends early, with an error, when the member says goodbye or is
// gone.
func (a *Asker) Rest(d time.Duration) error {
	if err := a.conn.SetReadDeadline(time.Now().Add(d)); err != nil {
		return err
	}
	_, err := a.r.Peek(1)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return errors.Join(err, errGoAway)
}
