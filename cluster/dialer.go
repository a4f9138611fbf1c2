package cluster

import (
	"context"
	"net"
	"time"
)

// dialer connects to one member at a time without holding up its owner, the
// batcher, who has to notice a change of leadership even while a dead leader's
// host does not answer.
//
// It owns the goroutine that dials, which ends with dialling or with stop.
type dialer struct {
	connect func(ctx context.Context, to string) (net.Conn, error)
	dialled chan dialled

	to     string // being dialled; empty when nothing is
	cancel context.CancelFunc
	ended  chan struct{}
}

// dialled is what became of dialling.
type dialled struct {
	to   string
	conn net.Conn
	err  error
}

// dial begins to connect to a member, unless that is under way; the result comes
// through dialled, after which the owner calls done.
func (d *dialer) dial(ctx context.Context, to string) {
	if d.to == to {
		return
	}
	d.stop()
	ctx, d.cancel = context.WithCancel(ctx)
	d.to, d.ended = to, make(chan struct{})
	go d.run(ctx, to, d.ended)
}

func (d *dialer) run(ctx context.Context, to string, ended chan struct{}) {
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
	case d.dialled <- dialled{to: to, conn: conn, err: err}:
	case <-ctx.Done():
		if conn != nil {
			conn.Close()
		}
	}
}

// done notes that the result was received.
func (d *dialer) done() { d.stop() }

// stop gives up what is under way and waits for its end.
func (d *dialer) stop() {
	if d.to == "" {
		return
	}
	d.cancel()
	<-d.ended
	d.to = ""
}
