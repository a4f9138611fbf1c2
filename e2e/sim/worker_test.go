package sim

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"
	"testing/cryptotest"
	"testing/synctest"
	"time"
)

// simulate runs a plan in this process, on one processor: a second one would have
// goroutines of one moment run in any order. Sources of randomness that the product and
// its libraries share are seeded, so only one run at a time is in a process.
func simulate(t *testing.T, p plan) (r result) {
	dir, err := scratch()
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	cryptotest.SetGlobalRandom(t, p.Seed)
	rand.Seed(int64(p.Seed)) //nolint:staticcheck // raft draws its time-outs from it
	if exactly() {
		runtime.GC() // one within the run would have somebody else go first
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(math.MaxInt64))
	}
	var out io.Writer
	if path := os.Getenv("BPSC_SIM_TRACE"); path != "" {
		f, err := os.CreateTemp(path, fmt.Sprintf("seed-%d-", p.Seed))
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		out = f
	}
	seedRuntime(p.Seed*2 + 1)
	defer seedRuntime(0)
	began := cpu()
	synctest.Test(t, func(*testing.T) {
		defer func() { // where the bubble cannot end, its end is all that is said
			if fault := recover(); fault != nil {
				fmt.Fprintf(os.Stderr, "seed %d: %v\n%s", p.Seed, fault, debug.Stack())
				panic(fault)
			}
		}()
		r = run(p, dir, logger(), out)
	})
	r.CPU = cpu() - began
	return r
}

// cpu is what this process has used of processors.
func cpu() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// logger is where members log to: nowhere, unless BPSC_SIM_LOG is set.
func logger() *slog.Logger {
	if os.Getenv("BPSC_SIM_LOG") == "" {
		return slog.New(slog.DiscardHandler)
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// worker is a process that runs plans, one after the other. One that panics or hangs
// takes no others with it.
type worker struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
	err *strings.Builder
}

const (
	workerVariable = "BPSC_SIM_WORKER"

	// A run takes a second, on a machine that has other work as well many.
	hanging = 8 * time.Minute
)

// TestWorker is what a worker does; it is no test.
func TestWorker(t *testing.T) {
	if os.Getenv(workerVariable) == "" {
		t.Skip("for other tests of this package")
	}
	collect()
	in := json.NewDecoder(os.Stdin)
	for {
		var p plan
		if err := in.Decode(&p); err != nil {
			return
		}
		line, err := json.Marshal(simulate(t, p))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Printf("%s%s\n", answerMark, line)
	}
}

// collect has garbage collected as seldom as a few workers can afford: a run makes some
// hundred megabytes of it.
func collect() {
	const memory = 512 << 20
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memory)
}

const answerMark = "answer: "

func startWorker(binary string) (*worker, error) {
	w := &worker{cmd: exec.Command(binary, "-test.run=^TestWorker$", "-test.timeout=0"), err: &strings.Builder{}}
	w.cmd.Env = append(os.Environ(), workerVariable+"=1")
	w.cmd.Stderr = w.err
	var err error
	if w.in, err = w.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	w.out = bufio.NewReader(out)
	return w, w.cmd.Start()
}

// run has a plan run. Where the worker ends, or hangs, that is what is wrong.
func (w *worker) run(p plan) (r result, alive bool) {
	line, err := json.Marshal(p)
	if err == nil {
		_, err = w.in.Write(append(line, '\n'))
	}
	hangs := time.AfterFunc(hanging, func() { _ = w.cmd.Process.Signal(syscall.SIGQUIT) })
	defer hangs.Stop()
	var said string
	for err == nil {
		var text string
		if text, err = w.out.ReadString('\n'); err != nil {
			break
		}
		if answer, ok := strings.CutPrefix(text, answerMark); ok {
			err = json.Unmarshal([]byte(answer), &r)
			return r, err == nil
		}
		said += text
	}
	_ = w.cmd.Wait()
	text := said + w.err.String()
	const enough = 20_000
	return result{Violations: []string{fmt.Sprintf("%s: all of it does: %v\n%s", ruleEnds, err, text[:min(len(text), enough)])}}, false
}

func (w *worker) stop() error {
	return errors.Join(w.in.Close(), w.cmd.Wait())
}

// runAll runs plans on all processors, by a build of this package's tests, until ctx ends.
func runAll(ctx context.Context, binary string, next func() (plan, bool), done func(plan, result)) error {
	failed := make(chan error)
	for range runtime.NumCPU() {
		go func() { failed <- work(ctx, binary, next, done) }()
	}
	var err error
	for range runtime.NumCPU() {
		err = errors.Join(err, <-failed)
	}
	return err
}

func work(ctx context.Context, binary string, next func() (plan, bool), done func(plan, result)) error {
	var w *worker
	for ctx.Err() == nil {
		p, more := next()
		if !more {
			break
		}
		if w == nil {
			var err error
			if w, err = startWorker(binary); err != nil {
				return err
			}
		}
		r, alive := w.run(p)
		done(p, r)
		if alive && exactly() { // what a process has done before is part of what it does
			if err := w.stop(); err != nil {
				return err
			}
		}
		if !alive || exactly() {
			w = nil
		}
	}
	if w == nil {
		return nil
	}
	return w.stop()
}
