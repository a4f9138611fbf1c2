package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/internal/harness"
)

// Checkpoints count once one of two witnesses has cosigned them. The second is made to forget.
const (
	remembers = "w1"
	forgets   = "w2"
)

// layWitnesses lays out the witnesses, and returns what members are told of them.
func (w *World) layWitnesses(ctx context.Context) (args []string, err error) {
	host, lines := "127.0.0.1", ""
	if w.Hosts != nil {
		host = w.Hosts.Here()
	}
	for _, name := range []string{remembers, forgets} {
		one, err := harness.NewWitnessAt(ctx, w.Binary, w.Dir, name, host)
		if err != nil {
			return nil, err
		}
		if w.Hosts != nil {
			one.Also("--insecure") // the wire is the laboratory's own
		}
		w.witnesses = append(w.witnesses, one)
		lines += one.Line
	}
	file := filepath.Join(w.Dir, "witnesses")
	return []string{"--witnesses", file, "--witness-quorum", "1"}, os.WriteFile(file, []byte(lines), 0o600)
}

// startWitnesses starts them by the policy of a cluster that is ready.
func (w *World) startWitnesses(ctx context.Context) error {
	if err := harness.Until(ctx, 20*time.Second, "the members' keys are known", w.keepPolicies); err != nil {
		return err
	}
	for _, one := range w.witnesses {
		if err := errors.Join(one.Start(), one.AwaitLive(ctx, 20*time.Second)); err != nil {
			return err
		}
	}
	w.monitor()
	return nil
}

// monitor has clients ask the witnesses. One that has forgotten is somebody else to them: it begins
// with whatever it is shown first.
func (w *World) monitor() {
	var nodes []load.Node
	for _, one := range w.witnesses {
		nodes = append(nodes, load.Node{ID: one.ID, URL: one.URL})
	}
	if w.forgot > 0 {
		nodes[1].ID += fmt.Sprintf(", which has forgotten %d times,", w.forgot)
	}
	w.Load.Monitor(nodes)
}

// keepPolicies gives the witnesses all policies that there have been so far: one that forgets
// begins with them.
func (w *World) keepPolicies(ctx context.Context) error {
	policies, err := w.answer(ctx, "cluster", "keys", "--any-chain", "--history", "--server", strings.Join(w.Cluster.URLs(), ","), "--insecure-token")
	if err != nil {
		return err
	}
	for _, one := range w.witnesses {
		if err := os.WriteFile(one.Policy, policies, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// healthy is where a process says that nothing is wrong with it.
func (w *World) healthy(p *harness.Process) string {
	for _, one := range w.witnesses {
		if p == &one.Process {
			return p.URL + "/livez" // it has nothing to catch up with
		}
	}
	return p.URL + "/readyz"
}

// answer is what bpsc prints when an operator runs it.
func (w *World) answer(ctx context.Context, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, w.program(), args...)
	cmd.Env = append(harness.Environ(), "BPSC_OPERATOR_SECRET="+secret)
	if w.Cluster.TLS != nil {
		cmd.Env = append(cmd.Env, "BPSC_CACERT="+w.Cluster.TLS.Authorities())
	}
	out, err := cmd.Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		err = fmt.Errorf("bpsc %s: %w: %s%s", strings.Join(args[:2], " "), err, failed.Stderr, out)
	}
	return out, err
}

// strikeWitness kills a witness, and has one forget all that it has cosigned, but for its key.
func (w *World) strikeWitness(s plan.Step) (struck, error) {
	one := w.witnesses[s.Pick%uint64(len(w.witnesses))]
	if s.Fault == "witness-forgets" {
		one = w.witnesses[1]
	}
	w.mark(one.ID, "killed", true)
	err := one.Kill()
	if s.Fault == "witness-forgets" {
		err = errors.Join(err, os.RemoveAll(filepath.Join(one.Data, "logs"))) // its key is beside it
		w.forgot++
		w.monitor()
	}
	return struck{one.ID, func(context.Context) error {
		err := w.restart(&one.Process)
		w.mark(one.ID, "killed", false)
		return err
	}}, err
}

// judgeWitnessed waits until all nodes have a checkpoint of all that a chain has, and the
// witnesses have cosigned one.
func (w *World) judgeWitnessed(ctx context.Context, c *Chain) {
	size := c.Length()
	for _, n := range w.nodes() {
		err := harness.Until(ctx, w.fair(settling), fmt.Sprintf("a checkpoint of %d blocks", size), func(ctx context.Context) error {
			return w.Load.Covers(ctx, fmt.Sprintf("%s/v1/contracts/%s/checkpoint?size=%d", n.URL, c.Token, size), size)
		})
		w.waits = append(w.waits, rules.Wait{For: n.ID + " of " + c.Token, Failed: err})
	}
	for _, one := range w.witnesses {
		err := harness.Until(ctx, w.fair(settling), fmt.Sprintf("a cosignature of %d blocks", size), func(ctx context.Context) error {
			return w.Load.Covers(ctx, load.Cosigned(one.URL, c.origin), size)
		})
		w.waits = append(w.waits, rules.Wait{For: one.ID + " of " + c.Token, Failed: err})
	}
}
