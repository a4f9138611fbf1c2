package loadgen

import (
	"context"

	"golang.org/x/sys/unix"
)

// hand lets a goroutine do what takes time after an attempt that failed, with what the answer
// was.
func (l *loop) hand(ctx context.Context, s *slot, a answer, err error) {
	s.sent.Store(int64(idle))
	if fault := l.attach(s); fault != nil {
		l.fail(fault)
		l.done(s)
		return
	}
	s.fd = -1
	l.hands.Go(func() {
		timer := stoppedTimer()
		defer timer.Stop()
		s.over = !s.resolve(ctx, timer, s.due, a, err)
		l.mu.Lock()
		l.back = append(l.back, s)
		l.mu.Unlock()
		l.wakeUp()
	})
}

func (l *loop) wakeUp() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.wake >= 0 {
		one := [8]byte{1}
		_, _ = unix.Write(l.wake, one[:]) // it fails where it is full: then the loop wakes up all the same
	}
}

// takeBack goes on with the slots that goroutines have given back.
func (l *loop) takeBack(ctx context.Context) {
	var count [8]byte
	_, _ = unix.Read(l.wake, count[:]) // what it says is of no interest
	l.mu.Lock()
	back := l.back
	l.back = nil
	l.mu.Unlock()
	for _, s := range back {
		if s.over {
			l.active--
			continue
		}
		if err := l.detach(s, s.number); err != nil {
			l.fail(err)
			l.done(s)
			continue
		}
		l.begin(ctx, s)
	}
}
