package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that this program started, or what is left of one that has ended. One
// goroutine at a time uses it.
type process struct {
	name string
	args []string
	log  string // file with everything it printed, over all its lives

	cmd    *exec.Cmd
	exited chan struct{} // closed when it has ended
}

// start starts the process. It does not wait until it serves.
func (p *process) start() error {
	if err := os.MkdirAll(filepath.Dir(p.log), 0o755); err != nil {
		return err
	}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	cmd := exec.Command(p.args[0], p.args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended does not matter: it is killed
		close(exited)
	}()
	p.cmd, p.exited = cmd, exited
	return nil
}

func (p *process) alive() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// kill ends the process with SIGKILL, and waits until it has gone.
func (p *process) kill() error {
	if !p.alive() {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	return nil
}

// cpu is the time of a core that the process has used, in all its threads.
func (p *process) cpu() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return parseStat(string(text))
}

// tick is the unit of times in /proc/PID/stat: sysconf(_SC_CLK_TCK), 100 a second on every
// architecture that Linux has for Go.
const tick = 10 * time.Millisecond

// parseStat adds up utime and stime of a line of /proc/PID/stat, fields 14 and 15 (proc(5)).
// The second field is a name in parentheses, which may have spaces and parentheses in it.
func parseStat(line string) (time.Duration, error) {
	fields := strings.Fields(line[strings.LastIndexByte(line, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("no line of /proc/PID/stat: %q", line)
	}
	user, err := strconv.ParseUint(fields[11], 10, 64)
	system, err2 := strconv.ParseUint(fields[12], 10, 64)
	if err := errors.Join(err, err2); err != nil {
		return 0, err
	}
	return time.Duration(user+system) * tick, nil
}

// killAll ends members, all of them before it waits for the first.
func killAll(members []*process) error {
	var errs []error
	for _, p := range members {
		if p.alive() {
			_ = p.cmd.Process.Signal(syscall.SIGSTOP) // no elections while they go one by one
		}
	}
	for _, p := range members {
		errs = append(errs, p.kill())
	}
	return errors.Join(errs...)
}

// cpuOf is what members have used together; nothing for those that are dead.
func cpuOf(members []*process) (sum time.Duration) {
	for _, p := range members {
		if !p.alive() {
			continue
		}
		if used, err := p.cpu(); err == nil {
			sum += used
		}
	}
	return sum
}

// freePorts are loopback ports on which nothing listens, below those that the kernel gives to
// outgoing connections (32768 and up on Linux), one of which could take the port of a member
// that is dead at the moment.
type freePorts struct{ next int }

const (
	firstPort = 16000
	lastPort  = 32000
)

func newFreePorts() *freePorts { return &freePorts{next: firstPort + os.Getpid()%1500*10} }

// take returns an address with such a port.
func (f *freePorts) take() (string, error) {
	for range lastPort - firstPort {
		f.next++
		if f.next > lastPort {
			f.next = firstPort
		}
		address := net.JoinHostPort("127.0.0.1", strconv.Itoa(f.next))
		if l, err := net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
	}
	return "", errors.New("no free ports")
}

// takeSome takes n of them.
func (f *freePorts) takeSome(n int) ([]string, error) {
	var all []string
	for range n {
		address, err := f.take()
		if err != nil {
			return nil, err
		}
		all = append(all, address)
	}
	return all, nil
}

// until calls check every 20 ms until it returns nil, or the limit is over.
func until(ctx context.Context, limit time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("not within %s that %s: %w", limit, what, err)
		case <-again.C:
		}
	}
}

// run runs a tool to its end, and returns what it printed on its standard output, and the
// time of a core that it used.
func run(ctx context.Context, args ...string) (output string, cpu time.Duration, err error) {
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.SysProcAttr = dieWithParent()
	var out, problems strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", 0, fmt.Errorf("%s: %w: %s%s", strings.Join(args, " "), err, problems.String(), out.String())
	}
	return out.String(), cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// answered asks whether a GET is answered with 200.
func answered(ctx context.Context, url string) error {
	_, err := get(ctx, url)
	return err
}

// get returns the body of a GET that is answered with 200.
func get(ctx context.Context, url string) ([]byte, error) {
	return ask(ctx, http.MethodGet, url, "")
}
