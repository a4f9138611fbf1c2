// Package local has members and followers that a command starts as processes of its own
// on this machine, and ends: those of bpsc bench, bpsc dev and bpsc tutorial.
package local

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
)

// How long members have until they serve, and how often they are asked.
const (
	StartLimit = 30 * time.Second
	AskEvery   = 5 * time.Millisecond
)

// Environ is the environment without what would configure members.
func Environ() []string {
	return slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, cli.EnvPrefix) })
}

// Process is a member or a follower, running or not. One goroutine at a time uses it.
type Process struct {
	ID, URL string
	Binary  string
	Args    []string
	Log     string // file with all that it prints

	cmd    *exec.Cmd
	exited chan struct{} // closed when cmd has ended
}

// Start starts it. What it prints is added to its log.
func (p *Process) Start() error {
	log, err := os.OpenFile(p.Log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer log.Close() // the process has its own
	cmd := exec.Command(p.Binary, p.Args...)
	cmd.Stdout, cmd.Stderr, cmd.Env, cmd.SysProcAttr = log, log, Environ(), apart()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("member %s: %w", p.ID, err)
	}
	exited := make(chan struct{})
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(exited)
	}()
	p.cmd, p.exited = cmd, exited
	return nil
}

// PID is that of the process; 0 where it does not run.
func (p *Process) PID() int {
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// Exited is closed once the process has ended. Of one that was never started it is nil.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// Kill ends the process at once, as a power failure of its machine would.
func (p *Process) Kill() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	<-p.exited
	p.cmd = nil
	return nil
}

// Ready waits until it serves.
func (p *Process) Ready(ctx context.Context, client *http.Client) error {
	return p.Answers(ctx, client, "/readyz")
}

// Answers waits until it does so at a path, with 200.
func (p *Process) Answers(ctx context.Context, client *http.Client, path string) error {
	ctx, cancel := context.WithTimeout(ctx, StartLimit)
	defer cancel()
	tick := time.NewTicker(AskEvery)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL+path, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close() // the status says all
			if resp.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-p.exited:
			return fmt.Errorf("member %s has ended", p.ID)
		case <-ctx.Done():
			return fmt.Errorf("member %s does not serve within %s: %w", p.ID, StartLimit, ctx.Err())
		}
	}
}

// Tail is the last that it printed.
func (p *Process) Tail() string {
	text, err := os.ReadFile(p.Log)
	if err != nil {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(lines[max(0, len(lines)-5):], "\n")
}
