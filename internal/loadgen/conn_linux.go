package loadgen

import (
	"errors"
	"net"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// rawConn is a descriptor that the runtime does not know of. Whoever interrupts it shuts it
// down; the loop closes it.
type rawConn struct {
	net.Conn // nil: only Close is called
	fd       int
}

func (c *rawConn) Close() error { return unix.Shutdown(c.fd, unix.SHUT_RDWR) }

// detach takes a slot's connection away from the runtime, whose own loop would be told of each
// answer too.
func (l *loop) detach(s *slot, number int) error {
	raw, err := s.conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return err
	}
	var dup error
	err = raw.Control(func(fd uintptr) { s.fd, dup = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0) })
	if err := errors.Join(err, dup); err != nil {
		return err
	}
	if err := errors.Join(s.conn.Close(), unix.SetNonblock(s.fd, true)); err != nil {
		return err
	}
	s.mu.Lock()
	s.conn = &rawConn{fd: s.fd}
	s.mu.Unlock()
	return l.watchFor(s.fd, number, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET)
}

// attach gives it back to the runtime, so that a goroutine can wait for it.
func (l *loop) attach(s *slot) error {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, s.fd, nil); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	f := os.NewFile(uintptr(s.fd), "")
	defer f.Close() // conn has its own
	conn, err := net.FileConn(f)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	return nil
}

func rawRead(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)))
	return int(n), errno
}

// rawWrite is a write that no signal tells of a closed connection.
func rawWrite(fd int, p []byte) (int, unix.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(&p[0])), uintptr(len(p)), unix.MSG_NOSIGNAL, 0, 0)
	return int(n), errno
}
