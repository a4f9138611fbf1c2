package peer

import (
	"context"
	"net"
	"time"
)

// Pause before a leader that could not be reached is tried again.
const redialPause = 20 * time.Millisecond

// Dialer connects to one member at a time without holding up its owner, the
// batcher, who has to notice a change of leadership even while a dead leader's
// host does not answer.
//
// Its owner is one goroutine, which has all fields. Another one dials; it ends with
// dialling or with Stop.
type Dialer struct {
	// Dialled gives the results. Whoever took one calls Stop.
	Dialled chan Dialled

	connect func(ctx context.Context, to string) (net.Conn, error)

	to     string // being dialled; empty when nothing is
	cancel context.CancelFunc
	ended  chan struct{}
}

// Dialled is what became of dialling.
type Dialled struct {
	To   string
	Conn net.Conn
	Err  error
}

// NewDialer returns a dialer that opens connections by connect.
func NewDialer(connect func(ctx context.Context, to string) (net.Conn, error)) *Dialer {
	return &Dialer{connect: connect, Dialled: make(chan Dialled)}
}

// Dial begins to connect to a member, unless that is under way.
func (d *Dialer) Dial(ctx context.Context, to string) {
	if d.to == to {
		return
	}
	d.Stop()
	ctx, d.cancel = context.WithCancel(ctx)
	d.to, d.ended = to, make(chan struct{})
	go d.run(ctx, to, d.ended)
}

func (d *Dialer) run(ctx context.Context, to string, ended chan struct{}) {
	defer close(ended)
	conn, err := d.connect(ctx, to)
	if err != nil {
		// The owner asks again at once; a dead leader need not be tried more
		// often than this.
		select {
		case <-time.After(redialPause):
		case <-ctx.Done():
			return
		}
	}
	select {
	case d.Dialled <- Dialled{To: to, Conn: conn, Err: err}:
	case <-ctx.Done():
		if conn != nil {
			conn.Close()
		}
	}
}

// Stop gives up what is under way and waits for its end.
func (d *Dialer) Stop() {
	if d.to == "" {
		return
	}
	d.cancel()
	<-d.ended
	d.to = ""
}
