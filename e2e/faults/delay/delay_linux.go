// Package delay has packets to a machine wait on their way: the kernel hands them to this
// process (NFQUEUE), which gives them back later, in their order.
package delay

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/florianl/go-nfqueue/v2"
)

const (
	// number is the queue's, on each machine.
	number = 7
	// waiting bounds the packets that wait on one machine; what is more is lost, as in any router.
	waiting = 4096
)

// Line is a machine to which packets take longer.
type Line struct {
	machine string // a network namespace
	queue   *nfqueue.Nfqueue
	stop    context.CancelFunc
	giving  sync.WaitGroup
}

// packet is one that waits.
type packet struct {
	id    uint32
	until time.Time
}

// Start has packets from some addresses to a machine, a network namespace, take longer by so much.
func Start(ctx context.Context, machine string, by time.Duration, from ...string) (*Line, error) {
	namespace, err := os.Open("/run/netns/" + machine)
	if err != nil {
		return nil, err
	}
	defer func() { _ = namespace.Close() }() // the queue has its own handle
	queue, err := nfqueue.Open(&nfqueue.Config{NetNS: int(namespace.Fd()), NfQueue: number, MaxQueueLen: waiting, Copymode: nfqueue.NfQnlCopyMeta})
	if err != nil {
		return nil, err
	}
	l := &Line{machine: machine, queue: queue}
	held := make(chan packet, waiting)
	giving, stop := context.WithCancel(context.WithoutCancel(ctx))
	l.stop = stop
	l.giving.Go(func() { l.give(giving, held) })
	take := func(a nfqueue.Attribute) int {
		if a.PacketID != nil {
			select {
			case held <- packet{*a.PacketID, time.Now().Add(by)}:
			default: // the kernel has no more than that
			}
		}
		return 0
	}
	err = queue.RegisterWithErrorFunc(giving, take, func(error) int { return 0 })
	for _, address := range from {
		if err == nil {
			err = l.rule(ctx, "-A", "INPUT", "-s", address, "-j", "NFQUEUE", "--queue-num", fmt.Sprint(number), "--queue-bypass")
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// give gives packets back when their time has come.
func (l *Line) give(ctx context.Context, held <-chan packet) {
	for {
		select {
		case <-ctx.Done():
			return
		case p := <-held:
			pause := time.NewTimer(time.Until(p.until))
			select {
			case <-ctx.Done():
			case <-pause.C:
			}
			pause.Stop()
			_ = l.queue.SetVerdict(p.id, nfqueue.NfAccept) // one that is lost is sent again
		}
	}
}

// Close has packets come as ever.
func (l *Line) Close() error {
	err := l.rule(context.Background(), "-F", "INPUT")
	l.stop()
	l.giving.Wait()
	return errors.Join(err, l.queue.Close())
}

func (l *Line) rule(ctx context.Context, args ...string) error {
	all := append([]string{"netns", "exec", l.machine, "iptables", "-w"}, args...)
	if out, err := exec.CommandContext(ctx, "ip", all...).CombinedOutput(); err != nil {
		return fmt.Errorf("iptables on %s: %w: %s", l.machine, err, out)
	}
	return nil
}

// Here tells why packets cannot be delayed on this machine; nil: they can.
func Here(ctx context.Context) error {
	out, err := exec.CommandContext(ctx, "unshare", "--net", "iptables", "-A", "INPUT", "-j", "NFQUEUE", "--queue-num", fmt.Sprint(number)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}
