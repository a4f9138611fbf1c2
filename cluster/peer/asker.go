package peer

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// How long the answer to a status request may take.
const statusTimeout = time.Second

// Asker asks one member how it is, again and again, over one connection. It is used
// by one goroutine, but for Hurry, which anybody may call. mu guards resting and hurried,
// and that no deadline is set meanwhile.
type Asker struct {
	conn net.Conn
	r    *bufio.Reader
	last uint64 // id of the last request

	mu      sync.Mutex
	resting bool
	hurried bool // since the last rest
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

// Rest waits, until Hurry at the longest; it ends early, with an error, when the member
// says goodbye or is gone.
func (a *Asker) Rest(d time.Duration) error {
	if err := a.beginRest(d); err != nil {
		return err
	}
	_, err := a.r.Peek(1)
	a.mu.Lock()
	a.resting, a.hurried = false, false
	a.mu.Unlock()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return errors.Join(err, errGoAway)
}

func (a *Asker) beginRest(d time.Duration) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.hurried {
		d = 0
	}
	a.resting = true
	return a.conn.SetReadDeadline(time.Now().Add(d))
}

// Hurry ends the rest, or the next one.
func (a *Asker) Hurry() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hurried = true
	if a.resting {
		_ = a.conn.SetReadDeadline(time.Now()) // an error shows in the next request
	}
}
