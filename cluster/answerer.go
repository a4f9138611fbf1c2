package cluster

import (
	"net"
	"sync"
	"time"
)

// answerer writes the answers to the frames of one peer. As many frames as may
// be under way reserve a place before they are worked on and keep it until their
// answer is written; so answer never blocks those who call it, even when the
// peer reads no more.
//
// It owns the goroutine that writes, which ends with stop.
type answerer struct {
	conn    net.Conn
	places  chan struct{} // one token for each frame under way
	answers chan frame    // as many as there are places
	quit    chan struct{}
	writing sync.WaitGroup
}

func newAnswerer(conn net.Conn) *answerer {
	a := &answerer{
		conn:    conn,
		places:  make(chan struct{}, maxFramesInFlight),
		answers: make(chan frame, maxFramesInFlight),
		quit:    make(chan struct{}),
	}
	a.writing.Go(a.write)
	return a
}

// reserve waits for a place; it returns false when given up.
func (a *answerer) reserve(quit <-chan struct{}) bool {
	select {
	case a.places <- struct{}{}:
		return true
	case <-quit:
		return false
	}
}

// answer hands the answer to a frame that has a place to the writer.
func (a *answerer) answer(f frame) { a.answers <- f }

func (a *answerer) write() {
	for {
		select {
		case f := <-a.answers:
			a.writeOne(f)
		case <-a.quit:
			for len(a.answers) > 0 { // none comes any more
				a.writeOne(<-a.answers)
			}
			return
		}
	}
}

// writeOne writes an answer; a peer that does not take it loses the connection,
// and so learns that it does not know the outcome.
func (a *answerer) writeOne(f frame) {
	if err := writeFrame(a.conn, f); err != nil {
		a.conn.Close()
	}
	<-a.places
}

// stop writes the answers that are there and ends the writer.
func (a *answerer) stop() {
	close(a.quit)
	a.writing.Wait()
}

// writeFrame writes a frame within bounded time.
func writeFrame(conn net.Conn, f frame) error {
	if err := conn.SetWriteDeadline(time.Now().Add(writeTimeout)); err != nil {
		return err
	}
	_, err := conn.Write(f.encode())
	return err
}
