package harness

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
)

// ports hands out loopback ports below the range from which the kernel takes
// the local ports of outgoing connections (32768 and up on Linux). A port of
// that range could be taken by a client while its member is dead, and a dial
// to a dead port could connect to itself.
//
// A port is free until its member listens, so two test processes that look at
// the same time could both take it. Each process therefore takes whole blocks,
// and keeps the lock of each until it ends.
var ports struct {
	sync.Mutex
	blocks []*os.File // of the blocks that this process has, locked; held open
	next   int        // the next port of the newest block
	end    int        // the first port after it
}

const (
	firstPort    = 16_000
	lastPort     = 32_000
	portsInBlock = 200
)

var errNoPorts = errors.New("no free ports")

// FreePort returns a loopback port on which nothing listens.
func FreePort() (int, error) { return FreePorts(0) }

// FreePorts returns a port such that nothing listens at these offsets from it.
func FreePorts(offsets ...int) (int, error) {
	span := slices.Max(offsets)
	if span >= portsInBlock {
		return 0, fmt.Errorf("offset %d: at most %d", span, portsInBlock-1)
	}
	ports.Lock()
	defer ports.Unlock()
	for {
		for ; ports.next+span < ports.end; ports.next++ {
			if base := ports.next; allFree(base, offsets) {
				ports.next = base + span + 1
				return base, nil
			}
		}
		if err := takeBlock(); err != nil {
			return 0, err
		}
	}
}

// takeBlock locks a block that no process has. The lock ends with the process.
func takeBlock() error {
	dir := filepath.Join(os.TempDir(), "bpsc-test-ports")
	if err := os.MkdirAll(dir, 0o777); err != nil { //nolint:gosec // other users' tests lock files here too
		return err
	}
	const blocks = (lastPort - firstPort) / portsInBlock
	for i := range blocks {
		block := (os.Getpid() + i) % blocks                                                        // not all begin with the ports of the first
		f, err := os.OpenFile(filepath.Join(dir, fmt.Sprint(block)), os.O_RDWR|os.O_CREATE, 0o666) //nolint:gosec // as above
		if err != nil {
			return err
		}
		if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
			_ = f.Close() // another process has it, or this one
			continue
		}
		ports.blocks = append(ports.blocks, f)
		ports.next = firstPort + block*portsInBlock
		ports.end = ports.next + portsInBlock
		return nil
	}
	return errNoPorts
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
