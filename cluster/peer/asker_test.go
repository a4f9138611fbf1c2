package peer

import (
	"bufio"
	"testing"
	"time"
)

// A rest ends when it is hurried, whenever that comes, and only one; the connection goes on.
func TestARestIsHurried(t *testing.T) {
	client, conn := pair(t)
	go func() { // answers whatever is asked
		for r := bufio.NewReader(conn); ; {
			f, err := readFrame(r, maxFrameBytes)
			if err != nil || writeFrame(conn, frame{kind: frameStatusAnswer, id: f.id, body: []byte("{}")}) != nil {
				return
			}
		}
	}()
	a := NewAsker(client)
	ask := func() {
		t.Helper()
		if err := a.Ask(&struct{}{}); err != nil {
			t.Fatal(err)
		}
	}
	rested := func(d time.Duration) chan error {
		done := make(chan error, 1)
		go func() { done <- a.Rest(d) }()
		return done
	}
	ends := func(done chan error) {
		t.Helper()
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("it rests on")
		}
	}
	ask()
	a.Hurry() // before it rests
	ends(rested(time.Hour))
	ask()
	done := rested(time.Hour)
	for resting := false; !resting; {
		a.mu.Lock()
		resting = a.resting
		a.mu.Unlock()
	}
	select {
	case err := <-done:
		t.Fatalf("it did not rest: %v", err)
	default:
	}
	a.Hurry() // while it does
	ends(done)
	ask()
	conn.Close()
	if err := a.Rest(time.Hour); err == nil {
		t.Error("a connection that has ended is not noticed")
	}
}
