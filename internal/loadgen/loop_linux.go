package loadgen

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// drive sends until the time is up: by one loop over all connections where they are plain TCP.
func (r *run) drive(ctx context.Context) {
	for _, w := range r.workers {
		if _, plain := w.conn.(*net.TCPConn); !plain {
			r.driveEach(ctx)
			return
		}
	}
	l, err := newLoop(r)
	if err == nil {
		err = l.work(ctx)
	}
	if err != nil {
		r.fail(err)
	}
}

// loop drives all connections from one goroutine, with a read and a write for each request and
// one wait for as many answers as there are. A goroutine for each connection would read once in
// vain before each answer, wake the scheduler, and know of no time shorter than a millisecond to
// wait until a request is due.
//
// Its system calls do not block but for the wait, and the runtime is told of none of them, which
// saves as much as they cost: the loop keeps a processor of GOMAXPROCS for itself, so work adds
// one. What takes long (a pause, a new connection) is done by a goroutine, which has the slot
// for itself meanwhile and gives it back.
type loop struct {
	*run
	epoll, wake int // descriptors; wake is an eventfd
	slots       []*slot
	free        []*slot   // open loop: those that await nothing, the last to be used first
	next        time.Time // open loop: when the request that nobody has sent yet is due; zero for none
	active      int       // slots that are not done

	hands sync.WaitGroup // goroutines that have slots
	mu    sync.Mutex     // guards what follows, and wake at the end
	back  []*slot        // given back
}

// slot is a connection in a loop.
type slot struct {
	*worker
	fd   int
	out  []byte // of the request, not written yet
	due  time.Time
	over bool // no more requests
}

func newLoop(r *run) (*loop, error) {
	l := &loop{run: r}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	if l.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	if err := l.watchFor(l.wake, -1, unix.EPOLLIN); err != nil {
		return nil, err
	}
	for i, w := range r.workers {
		s := &slot{worker: w}
		l.slots = append(l.slots, s)
		w.sent.Store(int64(idle))
		if err := l.detach(s, i); err != nil {
			return nil, err
		}
	}
	return l, nil
}

func (l *loop) watchFor(fd, number int, events uint32) error {
	e := unix.EpollEvent{Events: events, Fd: int32(number)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &e))
}

const (
	eventsAtOnce = 256
	longestWait  = 100 * time.Millisecond
)

func (l *loop) work(ctx context.Context) error {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1))
	stop := context.AfterFunc(ctx, l.wakeUp)
	defer stop()
	defer l.release()
	for _, s := range l.slots {
		l.active++
		l.begin(ctx, s)
	}
	events := make([]unix.EpollEvent, eventsAtOnce)
	for l.active > 0 && ctx.Err() == nil {
		n, err := l.wait(events)
		if err != nil {
			return err
		}
		for _, e := range events[:n] {
			if e.Fd < 0 {
				l.takeBack(ctx)
				continue
			}
			if s := l.slots[e.Fd]; s.fd >= 0 {
				l.advance(ctx, s)
			}
		}
		l.sendDue(ctx)
	}
	return nil
}

// release closes what the loop has opened.
func (l *loop) release() {
	l.hands.Wait()
	if !l.next.IsZero() {
		l.pace.giveBack()
	}
	for _, s := range l.slots {
		if s.fd >= 0 {
			s.mu.Lock()
			s.conn = nil
			s.mu.Unlock()
			_ = unix.Close(s.fd)
		}
	}
	_ = unix.Close(l.epoll)
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = unix.Close(l.wake)
	l.wake = -1
}

// begin has a slot send its next request, or wait for one to be due.
func (l *loop) begin(ctx context.Context, s *slot) {
	if l.Rate > 0 {
		l.free = append(l.free, s)
		return
	}
	if s.request = s.source.Next(); s.request == nil {
		l.done(s)
		return
	}
	now := time.Now()
	if !now.Before(l.pace.end) {
		l.done(s)
		return
	}
	l.send(ctx, s, now, now)
}

func (l *loop) done(s *slot) {
	s.over = true
	l.active--
}

// sendDue sends, in an open loop, what is due by now on connections that are free.
func (l *loop) sendDue(ctx context.Context) {
	if l.Rate == 0 {
		return
	}
	now := time.Now()
	for len(l.free) > 0 {
		more := now.Before(l.pace.end)
		if more && l.next.IsZero() {
			l.next, more = l.pace.take()
		}
		if !more {
			for _, s := range l.free {
				l.done(s)
			}
			l.free = nil
			return
		}
		if l.next.After(now) {
			return
		}
		s := l.free[len(l.free)-1]
		l.free = l.free[:len(l.free)-1]
		if s.request = s.source.Next(); s.request == nil {
			l.done(s)
			continue
		}
		at := l.next
		l.next = time.Time{}
		l.send(ctx, s, at, now)
	}
}

func (l *loop) send(ctx context.Context, s *slot, due, now time.Time) {
	s.due, s.out, s.came, s.size = due, s.request, 0, 0
	s.sent.Store(int64(now.Sub(l.base)))
	l.write(ctx, s)
}

// write writes what the connection takes.
func (l *loop) write(ctx context.Context, s *slot) {
	for len(s.out) > 0 {
		n, errno := rawWrite(s.fd, s.out)
		switch errno {
		case 0:
			s.out = s.out[n:]
		case unix.EAGAIN:
			return
		case unix.EINTR:
		default:
			l.hand(ctx, s, answer{}, errno)
			return
		}
	}
}

// advance does what a connection has become ready for.
func (l *loop) advance(ctx context.Context, s *slot) {
	if len(s.out) > 0 {
		if l.write(ctx, s); s.fd < 0 {
			return
		}
	}
	if time.Duration(s.sent.Load()) == idle { // a server that closes a connection that asks nothing
		return
	}
	for {
		room := len(s.buf) - s.came
		n, errno := rawRead(s.fd, s.buf[s.came:])
		switch {
		case errno == unix.EAGAIN:
			return
		case errno == unix.EINTR:
			continue
		case errno != 0:
			l.hand(ctx, s, answer{}, errno)
			return
		case n == 0:
			l.hand(ctx, s, answer{}, io.ErrUnexpectedEOF)
			return
		}
		a, whole, err := s.take(n)
		if err != nil {
			l.hand(ctx, s, answer{}, err)
			return
		}
		if whole {
			l.answered(ctx, s, a)
			return
		}
		if n < room { // nothing more is there: the next event comes with it
			return
		}
	}
}

// answered goes on after an answer.
func (l *loop) answered(ctx context.Context, s *slot, a answer) {
	s.sent.Store(int64(idle))
	if a.status/100 == 2 && !a.closes {
		failure, err := s.succeed(&a, s.due)
		switch {
		case err != nil:
			l.fail(err)
			l.done(s)
			return
		case failure == nil:
			l.begin(ctx, s)
			return
		}
	}
	if l.Rate > 0 && !a.closes { // counted, and no more
		if s.resolve(ctx, nil, s.due, a, nil) {
			l.begin(ctx, s)
		} else {
			l.done(s)
		}
		return
	}
	l.hand(ctx, s, a, nil)
}

// wait waits for answers, or until a request is due.
func (l *loop) wait(events []unix.EpollEvent) (int, error) {
	d := longestWait
	if !l.next.IsZero() && len(l.free) > 0 {
		d = min(d, max(time.Until(l.next), 0))
	}
	spec := unix.NsecToTimespec(int64(d))
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(l.epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&spec)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	case unix.ENOSYS: // before Linux 5.11: to the millisecond
		n, err := unix.EpollWait(l.epoll, events, int((d+time.Millisecond-1)/time.Millisecond))
		if errors.Is(err, unix.EINTR) {
			return 0, nil
		}
		return n, os.NewSyscallError("epoll_wait", err)
	}
	return 0, os.NewSyscallError("epoll_pwait2", errno)
}
