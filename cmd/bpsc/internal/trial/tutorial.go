package trial

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
	"github.com/bpsc/bpsc/internal/durable"
)

// tourContract makes blocks on request, so that there is one to ask for.
const tourContract = `{"token":"aka","wallets":"open"}`

func newTutorialCommand() *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use: "tutorial", Short: "Walk through a transfer, a block, a killed leader and a receipt, in five minutes", Args: cli.ExactArgs(0),
		Example: "  bpsc tutorial\n  bpsc tutorial --yes",
		Long: "Walk through what a ledger does, on three members that this command starts on this machine: a transfer,\n" +
			"a block, the death of the leader, and a receipt that proves a payment to anybody. Each command is shown\n" +
			"as one would type it, and then run. On a terminal it waits for ENTER between the steps; with --yes it\n" +
			"does not wait. At the end the members are ended and their data removed.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if !yes && !term.IsTerminal(int(os.Stdin.Fd())) {
				return cli.ArgError("nobody is there to press ENTER: give --yes to walk through without a stop")
			}
			ctx := cmd.Context()
			return ended(ctx, walk(ctx, cmd.OutOrStdout(), yes))
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "wait for nobody")
	return cmd
}

// tour is one walk.
type tour struct {
	out     io.Writer
	unheard error // that nobody reads out any more; nil while somebody does
	cluster *local.Cluster
	servers *client.Client
	files   string        // folder of the files that it makes
	enter   <-chan string // a line for each ENTER; nil: nobody is waited for

	id     string         // of the transfer
	killed *local.Process // the leader of the fourth step
}

// step is a part of a tour.
type step struct {
	title, text string
	do          func(*tour, context.Context) error
}

var steps = []step{
	{"Three members, one ledger", `Three processes on this machine are one cluster. One of them leads: it puts transactions in
order, and each is on the disks of two of them before anybody is told that it is final.`, (*tour).look},
	{"A transfer", `Alice pays bob 100. The BPSC keeps a fee and hands on the rest. The command may be repeated
under the same key, as often as one likes: it happens once. So nobody has to know whether an
answer was lost.`, (*tour).transfer},
	{"A block", `The transfer is final already; a block packs it, and carries the hash of the block before. The
bytes of a block are what is hashed, so anybody can check it: what sha256sum says of block 2 is
the previous_hash of block 3.`, (*tour).block},
	{"The leader dies", `Now the process that leads is killed, without a word of farewell. The other two elect a leader,
and the next payment goes through. Then the dead one is started again, and catches up.`, (*tour).kill},
	{"A receipt", `A receipt is a file that proves the payment without a network and without us: by the members'
public keys alone, which are in the policy. Change one figure in it, and it proves nothing.`, (*tour).receipt},
}

func walk(ctx context.Context, out io.Writer, yes bool) (err error) {
	t := &tour{out: out}
	if !yes {
		t.enter = linesOf(os.Stdin)
	}
	t.say("Welcome. Five steps, about five minutes: three members are started on this machine, and are gone at the end.\n")
	if t.cluster, err = local.Start(ctx, local.Options{Members: 3, Contract: []byte(tourContract)}); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.cluster.Stop()) }()
	t.files = filepath.Join(t.cluster.Dir, "files")
	if err := os.Mkdir(t.files, 0o700); err != nil {
		return err
	}
	if t.servers, err = client.New(t.cluster.URLs()...); err != nil {
		return err
	}
	t.say("Their data are in %s.\nThe page is at %s: leave it open beside this, it shows what happens.\n", t.cluster.Dir, t.cluster.Members[0].URL)
	for i, s := range steps {
		if err := t.wait(ctx); err != nil {
			return err
		}
		t.say("\n== %d. %s ==\n%s\n", i+1, s.title, s.text)
		if err := s.do(t, ctx); err != nil {
			return fmt.Errorf("step %d, %s: %w", i+1, s.title, err)
		}
	}
	t.say("\nThat was it. What you saw is gone now; for a cluster that stays: bpsc dev --members 3 while you look around,\n" +
		"bpsc init for one to keep. Signed wallets, where tokens belong to keys, and holds: docs/quickstart.md.\n")
	return nil
}

// errEnough: nobody is going to press ENTER, for what is typed has ended (Ctrl-D).
var errEnough = errors.New("nobody is there to press ENTER")

// linesOf reads lines until there are no more. The goroutine that does so ends with the
// process: a read of a terminal cannot be given up.
func linesOf(in io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// say tells something. That nobody reads it any more ends the walk at the next command.
func (t *tour) say(format string, args ...any) {
	if _, err := fmt.Fprintf(t.out, format, args...); err != nil {
		t.unheard = err
	}
}

// wait waits for ENTER.
func (t *tour) wait(ctx context.Context) error {
	if t.enter == nil {
		return nil
	}
	t.say("\n[ENTER goes on, Ctrl-C ends it] ")
	select {
	case _, more := <-t.enter:
		if !more {
			t.say("\n")
			return errEnough
		}
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run shows a command and runs it, where it is to end with that code.
func (t *tour) run(ctx context.Context, code int, words ...string) error {
	t.say("\n$ bpsc %s\n", strings.Join(words, " "))
	return t.execute(ctx, t.out, code, words)
}

// execute runs a command whose output goes to out.
func (t *tour) execute(ctx context.Context, out io.Writer, code int, words []string) error {
	if t.unheard != nil {
		return t.unheard
	}
	cmd := exec.CommandContext(ctx, t.cluster.Members[0].Binary, words...)
	cmd.Stdout, cmd.Stderr = out, t.out
	cmd.Dir, cmd.Env = t.files, append(local.Environ(), "BPSC_SERVER="+strings.Join(t.cluster.URLs(), ","))
	err := cmd.Run()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() != code {
		return fmt.Errorf("bpsc %s is to end with code %d: %w", strings.Join(words, " "), code, cmp.Or(err, errors.New("it ended with 0")))
	}
	return nil
}

func (t *tour) look(ctx context.Context) error {
	t.settle(ctx)
	return t.run(ctx, cli.ExitOK, "cluster", "status")
}

// settle waits until the one who is asked has heard that the others serve: they tell each
// other twice a second.
func (t *tour) settle(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, electionWait)
	defer cancel()
	for ctx.Err() == nil {
		now, err := t.servers.Cluster(ctx)
		if err == nil && !slices.ContainsFunc(now.Members, func(m client.ClusterMember) bool { return !m.Ready }) {
			return
		}
		pause(ctx, 50*time.Millisecond)
	}
}

var payment = []string{"send", "--from", "alice", "--to", "bob", "--amount", "100", "--key", "the-first"}

func (t *tour) transfer(ctx context.Context) error {
	for range 2 {
		if err := t.run(ctx, cli.ExitOK, payment...); err != nil {
			return err
		}
	}
	t.say("The same id twice, and no second payment:\n")
	if err := t.run(ctx, cli.ExitOK, "account", "bob"); err != nil {
		return err
	}
	var answer bytes.Buffer
	if err := t.execute(ctx, &answer, cli.ExitOK, append(slices.Clone(payment), "-o", "json")); err != nil {
		return err
	}
	var sent client.Result
	err := json.Unmarshal(answer.Bytes(), &sent)
	t.id = sent.ID
	return err
}

func (t *tour) block(ctx context.Context) error {
	for range 2 {
		if err := t.run(ctx, cli.ExitOK, "mine"); err != nil {
			return err
		}
	}
	for _, words := range [][]string{{"chain"}, {"chain", "verify"}} {
		if err := t.run(ctx, cli.ExitOK, words...); err != nil {
			return err
		}
	}
	return nil
}

func (t *tour) kill(ctx context.Context) error {
	leader := leaderOf(ctx, t.servers, "")
	for _, m := range t.cluster.Members {
		if m.ID == leader {
			t.killed = m
		}
	}
	if t.killed == nil {
		return fmt.Errorf("nobody leads: %w", client.ErrUnavailable)
	}
	t.say("\n$ kill -9 %d      # %s, which leads\n", t.killed.PID(), leader)
	if err := t.killed.Kill(); err != nil {
		return err
	}
	began := time.Now()
	if err := t.run(ctx, cli.ExitOK, "send", "--from", "bob", "--to", "carol", "--amount", "10", "--key", "after-the-kill"); err != nil {
		return err
	}
	t.say("Final, %d ms after the kill, the start of the command among them.\n", time.Since(began).Milliseconds())
	if err := t.run(ctx, cli.ExitOK, "cluster", "status"); err != nil {
		return err
	}
	if err := t.killed.Start(); err != nil {
		return err
	}
	if err := t.killed.Ready(ctx, t.cluster.HTTP); err != nil {
		return err
	}
	t.say("\n%s has been started again and has all that it missed: it serves.\n", leader)
	return t.run(ctx, cli.ExitOK, "account", "carol", "--server", t.killed.URL)
}

const (
	policyFile  = "policy.txt"
	receiptFile = "paid.tlog-proof"
	forgedFile  = "forged.tlog-proof"
)

// exitForged is what a forged receipt ends with.
const exitForged = 5

func (t *tour) receipt(ctx context.Context) error {
	if err := t.keys(ctx); err != nil {
		return err
	}
	if err := t.run(ctx, cli.ExitOK, "receipt", "get", t.id, "--file", receiptFile); err != nil {
		return err
	}
	if err := t.run(ctx, cli.ExitOK, "receipt", "verify", receiptFile, "--policy", policyFile); err != nil {
		return err
	}
	if err := t.forge(); err != nil {
		return err
	}
	t.say("\nSomebody makes 900 of the 100 in %s:\n", forgedFile)
	return t.run(ctx, exitForged, "receipt", "verify", forgedFile, "--policy", policyFile)
}

// keys writes the policy to its file.
func (t *tour) keys(ctx context.Context) error {
	t.say("\n$ bpsc cluster keys > %s\n", policyFile)
	var policy bytes.Buffer
	if err := t.execute(ctx, &policy, cli.ExitOK, []string{"cluster", "keys"}); err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(t.files, policyFile), policy.Bytes(), 0o600)
}

// forge makes a receipt that says another amount.
func (t *tour) forge() error {
	text, err := os.ReadFile(filepath.Join(t.files, receiptFile))
	if err != nil {
		return err
	}
	lines := strings.Split(string(text), "\n")
	for i, line := range lines {
		coded, is := strings.CutPrefix(line, "extra ")
		if !is {
			continue
		}
		extra, err := base64.StdEncoding.DecodeString(coded)
		if err != nil {
			return err
		}
		forged := bytes.Replace(extra, []byte(`"amount_send": 100`), []byte(`"amount_send": 900`), 1)
		if bytes.Equal(forged, extra) {
			return errors.New("the receipt does not say what was paid")
		}
		lines[i] = "extra " + base64.StdEncoding.EncodeToString(forged)
		return durable.WriteFile(filepath.Join(t.files, forgedFile), []byte(strings.Join(lines, "\n")), 0o600)
	}
	return errors.New("the receipt has no record in it")
}
