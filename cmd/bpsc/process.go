package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/internal/linewriter"
)

// How long a process that serves takes to stop, at most. Containers are given
// ten seconds before they are killed, and are to need eight.
const (
	// memberStop is for a member to finish the writes it took and to hand
	// leadership over, clientsStop for clients to take their answers. What is
	// left until stopTimeout is for what is in memory to get to the disk.
	memberStop  = 3500 * time.Millisecond
	clientsStop = 1500 * time.Millisecond
	stopTimeout = 7 * time.Second

	// startGrace is what a process gets that is still starting: it may have
	// hours of log to read, and has promised nothing yet.
	startGrace = 2 * time.Second

	// flushTimeout is for the last lines of the log, which nobody may read.
	flushTimeout = 500 * time.Millisecond
)

// process is a bpsc that serves: a member, a follower or a witness. It decides
// what signals do:
//
//   - SIGTERM and SIGINT end it gracefully, within stopTimeout, with exit code 0.
//     At that time it ends in any case: nothing that was acknowledged is only in
//     memory. SIGTERM again changes nothing, for supervisors send it twice;
//     SIGINT again, which is a person who does not want to wait, ends it at once.
//   - SIGHUP is noted and changes nothing: there is nothing to load anew, and a
//     terminal that closes is no reason to lose a member.
//   - SIGPIPE is ignored: whoever reads the log may go away (package linewriter).
//   - SIGQUIT and SIGABRT print all stacks and end it, as in every Go program: for
//     who wants to know what a process hangs in.
//   - All others are the runtime's: SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGXFSZ and
//     the like do nothing, SIGTSTP and SIGSTOP pause it.
//
// Commands that do not serve keep the dispositions of the shell: SIGPIPE ends
// bpsc chain | head, SIGHUP what the terminal started.
type process struct {
	log *slog.Logger
	out *linewriter.Writer
	up  atomic.Bool // it serves
}

// reported is an error that the log has told.
type reported struct{ error }

func (r reported) Unwrap() error { return r.error }

// runProcess runs a process that serves, until serve returns. ctx ends with the
// first signal to stop.
func runProcess(ctx context.Context, cfg logConfig, serve func(context.Context, *process) error) error {
	out := linewriter.New(os.Stderr, func(lines uint64) []byte {
		var line bytes.Buffer
		cfg.logger(&line).Warn("lines of this log are missing: nobody read them", "lines", lines)
		return line.Bytes()
	})
	p := &process{log: cfg.logger(out), out: out}
	log.SetOutput(out) // of libraries that know no other
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	ended := make(chan struct{})
	defer close(ended)
	go p.watch(ctx, signals, ended)
	err := serve(ctx, p)
	if err != nil {
		fmt.Fprintln(out, "bpsc:", printable(err.Error()))
		err = reported{err}
	}
	out.Flush(flushTimeout)
	return err
}

// watch looks after signals and the time that stopping takes.
func (p *process) watch(ctx context.Context, signals chan os.Signal, ended <-chan struct{}) {
	stopping := ctx.Done()
	var overdue <-chan time.Time
	for {
		select {
		case <-ended:
			return
		case <-stopping:
			stopping = nil
			signal.Notify(signals, os.Interrupt)
			limit := stopTimeout
			if !p.up.Load() {
				limit = startGrace
			}
			overdue = time.After(limit)
		case s := <-signals:
			if s == os.Interrupt {
				p.log.Warn("interrupted again: this process ends at once")
				p.exit(exitInterrupted)
			}
			p.log.Info("SIGHUP: there is nothing to load anew; start the process again to change settings")
		case <-overdue:
			p.log.Warn("this process ends now and not gracefully; nothing that was acknowledged is lost", "served", p.up.Load())
			p.exit(exitOK)
		}
	}
}

// exit ends the process at once, but for the last lines of the log.
func (p *process) exit(code int) {
	p.out.Flush(flushTimeout)
	os.Exit(code)
}

// late tells whether err is only that clients or other members took too long,
// which is no failure of a process that was told to stop.
func (p *process) late(err error) bool {
	if !errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	p.log.Warn("not all that was under way could be finished", "error", err)
	return true
}
