package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Member is one process of a cluster, which may be dead at the moment. Its
// methods are called by one goroutine at a time.
type Member struct {
	ID   string
	URL  string // of its API
	Data string // its data folder
	Log  string // file with everything it printed, over all its lives

	args    []string
	binary  string
	process *exec.Cmd
	exited  chan struct{} // closed when process has ended
}

// Start starts a dead member. It does not wait until the member serves.
func (m *Member) Start() error {
	if m.Alive() {
		return fmt.Errorf("%s runs already", m.ID)
	}
	log, err := os.OpenFile(m.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the process has its own handle
	cmd := exec.Command(m.binary, m.args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = Environ()
	cmd.SysProcAttr = dieWithParent()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", m.ID, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // the exit code is read from ProcessState
		close(exited)
	}()
	m.process, m.exited = cmd, exited
	return nil
}

// Alive tells whether the process runs.
func (m *Member) Alive() bool {
	if m.process == nil {
		return false
	}
	select {
	case <-m.exited:
		return false
	default:
		return true
	}
}

// Kill ends the process as a power failure of its machine would: at once.
func (m *Member) Kill() error {
	if !m.Alive() {
		return nil
	}
	if err := m.signal(syscall.SIGKILL); err != nil {
		return err
	}
	<-m.exited
	return nil
}

// Terminate asks the process to stop.
func (m *Member) Terminate() error { return m.signal(syscall.SIGTERM) }

// Pause stops the process in its tracks, as a hung machine would.
func (m *Member) Pause() error { return m.signal(syscall.SIGSTOP) }

// Resume lets a paused process go on as if nothing had happened.
func (m *Member) Resume() error { return m.signal(syscall.SIGCONT) }

func (m *Member) signal(s os.Signal) error {
	if !m.Alive() {
		return nil
	}
	err := m.process.Process.Signal(s)
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// AwaitExit waits for the process to end and returns its exit code.
func (m *Member) AwaitExit(ctx context.Context, limit time.Duration) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	select {
	case <-m.exited:
		return m.process.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, fmt.Errorf("%s has not ended within %s", m.ID, limit)
	}
}

// LogTail returns the last lines that the member printed.
func (m *Member) LogTail(lines int) string {
	text, err := os.ReadFile(m.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// newMember lays out a member's folders below dir; nothing is started.
func newMember(dir, binary, id, api, raft, cluster, contract string, more []string) *Member {
	m := &Member{
		ID: id, URL: "http://" + api, binary: binary,
		Data: filepath.Join(dir, id), Log: filepath.Join(dir, id+".log"),
	}
	m.args = append([]string{
		"server", "--id", id, "--data", m.Data, "--listen", api, "--raft", raft,
		"--cluster", cluster, "--contract", contract,
	}, more...)
	return m
}
