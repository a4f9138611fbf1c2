package serve

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/settings"
	"github.com/bpsc/bpsc/internal/linewriter"
	"github.com/bpsc/bpsc/internal/logring"
	"github.com/bpsc/bpsc/internal/memlimit"
	"github.com/bpsc/bpsc/internal/supervisor"
	"github.com/bpsc/bpsc/node"
)

const (
	// stopTimeout is how long a process that serves takes to stop, at most:
	// containers are given ten seconds before they are killed.
	stopTimeout = 7 * time.Second

	// startGrace is what a process gets that is still starting: it may have
	// hours of log to read, and has promised nothing yet.
	startGrace = 2 * time.Second

	// recentLog is how much of its log a process keeps in memory for its operator:
	// a thousand lines or two.
	recentLog = 256 << 10

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
//   - SIGHUP has it take its settings anew, as reload says. A terminal that closes is
//     no reason to lose a member.
//   - SIGPIPE is ignored: whoever reads the log may go away (package linewriter).
//   - SIGQUIT and SIGABRT print all stacks and end it, as in every Go program: for
//     who wants to know what a process hangs in.
//   - All others are the runtime's: SIGUSR1, SIGUSR2, SIGALRM, SIGXCPU, SIGXFSZ and
//     the like do nothing, SIGTSTP and SIGSTOP pause it.
//
// Commands that do not serve keep the dispositions of the shell: SIGPIPE ends
// bpsc chain | head, SIGHUP what the terminal started.
type process struct {
	log    *slog.Logger
	level  slog.LevelVar // of log
	out    *linewriter.Writer
	recent *logring.Ring  // the last lines of the log
	up     atomic.Bool    // it serves
	beside sync.WaitGroup // what goes on until the process is told to stop
	above  *supervisor.Supervisor

	given  *pflag.FlagSet        // as the command line has them
	loaded *settings.Loaded      // the settings that count; of reloads
	anew   func() *configuration // with nothing in it yet
	hangup chan struct{}         // has room for one SIGHUP
}

// configuration is all that one reading of its settings tells a process.
type configuration struct {
	table settings.Table
	logs  *logConfig
	check func() error // of the node's own, once they are read
	files func() error // that a start reads besides
	start func(context.Context, *process) (running, error)
	// reload hands those that may change to what start has started.
	reload func(running) error
	// alike is who a member is, and what all members are to have alike; nil for others.
	alike func() (id string, list []alike)
}

// running is a node that has started.
type running interface {
	Done() <-chan struct{}
	Stop(context.Context) error
	supervisor.Process
}

// runProcess runs a process that serves, by the configuration whose flags the command
// has. The command's context ends with the first signal to stop.
func runProcess(cmd *cobra.Command, c *configuration, anew func() *configuration) error {
	p := &process{recent: logring.New(recentLog), given: cmd.Flags(), anew: anew, hangup: make(chan struct{}, 1)}
	var err error
	if p.loaded, err = c.table.Load(p.given); err != nil {
		return err
	}
	if err := c.logs.Validate(); err != nil {
		return err
	}
	c.logs.set(&p.level)
	ctx := cmd.Context()
	p.out = linewriter.New(os.Stderr, func(lines uint64) []byte {
		var line bytes.Buffer
		c.logs.logger(&line, &p.level).Warn("lines of this log are missing: nobody read them", "lines", lines)
		return line.Bytes()
	})
	p.log = c.logs.logger(io.MultiWriter(p.recent, p.out), &p.level)
	p.above = supervisor.New(p.log)
	log.SetOutput(p.out) // of libraries that know no other
	signal.Ignore(syscall.SIGPIPE)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	defer signal.Stop(signals)
	ended := make(chan struct{})
	defer close(ended)
	go p.watch(ctx, signals, ended)
	if err = p.run(ctx, c); err != nil {
		if !errors.Is(err, node.ErrFatal) { // of which the node has told itself
			fmt.Fprintln(p.out, "bpsc:", cli.Printable(err.Error()))
		}
		err = cli.Report(err)
	}
	p.out.Flush(flushTimeout)
	return err
}

// run starts a node and stops it when ctx ends. Reading files and starting are not
// given up then: watch sees to it that they do not take for ever.
func (p *process) run(ctx context.Context, c *configuration) error {
	for _, warning := range p.loaded.Warnings {
		p.log.Warn(warning)
	}
	if err := c.table.Read(); err != nil {
		return err
	}
	if bytes := memlimit.Set(); bytes > 0 {
		p.log.Info("the heap is bounded by what this container or service may use", "bytes", bytes)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer p.beside.Wait()
	defer cancel()
	p.above.Starting()
	n, err := c.start(ctx, p)
	if err != nil {
		return err
	}
	p.up.Store(true)
	p.above.Ready()
	p.beside.Go(func() { p.above.Watch(ctx, n) })
	for {
		select {
		case <-p.hangup:
			p.reload(n)
			continue
		case <-ctx.Done():
		case <-n.Done():
		}
		p.above.Stopping()
		return n.Stop(context.Background())
	}
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
				p.exit(cli.ExitInterrupted)
			}
			select {
			case p.hangup <- struct{}{}:
			default: // one that is not looked at yet will do
			}
		case <-overdue:
			p.log.Warn("this process ends now and not gracefully; nothing that was acknowledged is lost", "served", p.up.Load())
			p.exit(cli.ExitOK)
		}
	}
}

// exit ends the process at once, but for the last lines of the log.
func (p *process) exit(code int) {
	p.out.Flush(flushTimeout)
	os.Exit(code)
}
