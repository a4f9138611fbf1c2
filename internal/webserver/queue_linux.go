package webserver

import (
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// handshakeTime is how long a connection that has been asked for may take until
// it is there: a round trip within a data centre, and the kernel's own delay on a
// busy machine. From further away some are reset.
const handshakeTime = 20 * time.Millisecond

// noMoreConnections is a socket filter (socket(7)) that drops each TCP segment
// with SYN, the bit 2 of its 14th byte (RFC 9293, 3.1).
var noMoreConnections = [...]unix.SockFilter{
	{Code: unix.BPF_LD | unix.BPF_B | unix.BPF_ABS, K: 13},
	{Code: unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K, K: 2, Jt: 0, Jf: 1},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0},
	{Code: unix.BPF_RET | unix.BPF_K, K: 0xffff},
}

// takeQueued takes the connections that the kernel has made and nobody has
// accepted. To close a listener resets them, though their clients may have sent
// requests, and cannot tell what became of them. The kernel makes no new ones
// meanwhile: whoever asks for one asks again after a second, as after any packet
// that was lost, and is refused.
func takeQueued(l net.Listener) (conns []net.Conn) {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	_ = raw.Control(func(fd uintptr) { // what fails here is closed a moment later in any case
		filter := unix.SockFprog{Len: uint16(len(noMoreConnections)), Filter: &noMoreConnections[0]}
		if unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &filter) == nil {
			time.Sleep(handshakeTime)
		}
		for {
			accepted, _, err := unix.Accept4(int(fd), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if err == unix.EINTR || err == unix.ECONNABORTED {
				continue
			}
			if err != nil {
				return
			}
			if c, err := connOf(accepted); err == nil {
				conns = append(conns, c)
			}
		}
	})
	return conns
}

func connOf(fd int) (net.Conn, error) {
	f := os.NewFile(uintptr(fd), "")
	defer f.Close() // FileConn has its own
	return net.FileConn(f)
}
