package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Process is a bpsc that serves, or is dead at the moment: a member or a
// follower. Its methods are called by one goroutine at a time.
type Process struct {
	ID   string
	URL  string // of its API
	Data string // its data folder
	Log  string // file with everything it printed, over all its lives

	// Files is how many files the process may have open, and Output gets what it
	// prints in place of Log, from the next start on; zero changes nothing.
	Files  int
	Output *os.File

	args    []string
	binary  string
	command func(program string, args []string) *exec.Cmd // how a program is run; nil: here
	process *exec.Cmd
	exited  chan struct{} // closed when process has ended
}

// newProcess lays out the folders of a process below dir; nothing is started.
func newProcess(dir, binary, id, api string) Process {
	return Process{
		ID: id, URL: "http://" + api, binary: binary,
		Data: filepath.Join(dir, id), Log: filepath.Join(dir, id+".log"),
	}
}

// Also gives the next start further arguments; of one given twice the last counts.
func (p *Process) Also(args ...string) { p.args = append(slices.Clone(p.args), args...) }

// Use makes the next start one of another binary.
func (p *Process) Use(binary string) { p.binary = binary }

// Start starts a dead process. It does not wait until it serves.
func (p *Process) Start() error {
	if p.Alive() {
		return fmt.Errorf("%s runs already", p.ID)
	}
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	program, args := p.binary, p.args
	if p.Files > 0 {
		script := fmt.Sprintf(`ulimit -n %d && exec "$0" "$@"`, p.Files)
		program, args = "/bin/sh", append([]string{"-c", script, p.binary}, p.args...)
	}
	cmd := exec.Command(program, args...)
	if p.command != nil {
		cmd = p.command(program, args)
	}
	cmd.Stdout, cmd.Stderr = log, log
	if p.Output != nil {
		cmd.Stdout, cmd.Stderr = p.Output, p.Output
	}
	cmd.Env = Environ()
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.ID, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is read from ProcessState
		close(exited)
	}()
	p.process, p.exited = cmd, exited
	return nil
}

// Alive tells whether the process runs.
func (p *Process) Alive() bool {
	if p.process == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// PID tells one life of the process from another; 0 before the first.
func (p *Process) PID() int {
	if p.process == nil {
		return 0
	}
	return p.process.Process.Pid
}

// Kill ends the process as a power failure of its machine would: at once.
func (p *Process) Kill() error {
	if !p.Alive() {
		return nil
	}
	if err := p.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-p.exited
	return nil
}

// Terminate asks the process to stop.
func (p *Process) Terminate() error { return p.Signal(syscall.SIGTERM) }

// Pause stops the process in its tracks, as a hung machine would.
func (p *Process) Pause() error { return p.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on as if nothing had happened.
func (p *Process) Resume() error { return p.Signal(syscall.SIGCONT) }

// Signal sends a signal to the process, if it lives.
func (p *Process) Signal(s os.Signal) error {
	if !p.Alive() {
		return nil
	}
	err := p.process.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// AwaitExit waits for the process to end and returns its exit code.
func (p *Process) AwaitExit(ctx context.Context, limit time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-p.exited:
		return p.process.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s has not ended within %s", p.ID, limit)
	}
}

// await waits until the process answers 200 at a path: /readyz or /livez.
func (p *Process) await(ctx context.Context, client *http.Client, path string, limit time.Duration) error {
	return Until(ctx, limit, p.ID+" answers at "+path, func(ctx context.Context) error {
		if !p.Alive() {
			return p.ended()
		}
		return Get(ctx, client, p.URL+path, nil)
	})
}

// ended is why waiting for a dead process is in vain.
func (p *Process) ended() error {
	return Permanent(errors.New("its process has ended:\n" + p.LogTail(15)))
}

// LogSize is how much the process has printed so far, and LogFrom what it printed since.
func (p *Process) LogSize() int64 {
	info, err := os.Stat(p.Log)
	if err != nil {
		return 0
	}
	return info.Size()
}

// LogFrom is what the process printed behind so many bytes.
func (p *Process) LogFrom(at int64) string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	return string(text[min(at, int64(len(text))):])
}

// LogTail returns the last lines that the process printed.
func (p *Process) LogTail(lines int) string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Memory is what a process holds in RAM, in bytes. What is not anonymous is of files, and
// the system takes it back when it needs it.
type Memory struct{ Now, Peak, Anonymous int64 }

// Memory asks the kernel; Linux only.
func (p *Process) Memory() (m Memory, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.process.Process.Pid))
	if err != nil {
		return m, err
	}
	if m.Now, err = kibibytes(text, "VmRSS:"); err != nil {
		return m, err
	}
	if m.Peak, err = kibibytes(text, "VmHWM:"); err != nil {
		return m, err
	}
	m.Anonymous, err = kibibytes(text, "RssAnon:")
	return m, err
}

// clockTick is the unit in which Linux counts a process's time for everybody to read.
const clockTick = time.Second / 100

// CPU is the time that the process has spent on processors so far, in user and kernel mode;
// Linux only.
func (p *Process) CPU() (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.process.Process.Pid))
	if err != nil {
		return 0, err
	}
	// The second field is the command's name in parentheses, and may hold anything.
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0, fmt.Errorf("the statistics of the process are %q", text)
	}
	user, err := strconv.ParseInt(string(fields[11]), 10, 64)
	if err != nil {
		return 0, err
	}
	kernel, err := strconv.ParseInt(string(fields[12]), 10, 64)
	return time.Duration(user+kernel) * clockTick, err
}

// kibibytes reads a line such as "VmRSS:     5120 kB", in bytes.
func kibibytes(status []byte, name string) (int64, error) {
	_, rest, found := bytes.Cut(status, []byte("\n"+name))
	fields := bytes.Fields(rest)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("the status of the process has no %s", name)
	}
	n, err := strconv.ParseInt(string(fields[0]), 10, 64)
	return n << 10, err
}
