package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"sync"
)

// ports hands out loopback ports below the range from which the kernel takes
// the local ports of outgoing connections (32768 and up on Linux). A port of
// that range could be taken by a client while its member is dead, and a dial
// to a dead port could connect to itself.
var ports = struct {
	sync.Mutex
	next int
}{next: 16000 + os.Getpid()%1500*10}

const lastPort = 32000

// FreePort returns a loopback port on which nothing listens.
func FreePort() (int, error) { return FreePorts(0) }

// FreePorts returns a port such that nothing listens at these offsets from it.
func FreePorts(offsets ...int) (int, error) {
	ports.Lock()
	defer ports.Unlock()
	span := slices.Max(offsets)
	for range lastPort {
		base := ports.next
		if base+span > lastPort {
			base = 16000
		}
		ports.next = base + 1
		if allFree(base, offsets) {
			ports.next = base + span + 1
			return base, nil
		}
	}
	return 0, errors.New("no free ports")
}

func allFree(base int, offsets []int) bool {
	for _, offset := range offsets {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", base+offset))
		if err != nil {
			return false
		}
		if err := l.Close(); err != nil {
			return false
		}
	}
	return true
}
