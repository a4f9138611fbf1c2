package trial

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
)

const (
	// maxMembers is what one machine is for.
	maxMembers = 5
	// againAfter is how long a member stays away that somebody has killed: long enough to go
	// from the terminal to the page and see that the others go on without it.
	againAfter = 10 * time.Second
	// electionWait is how long the others are asked who leads then.
	electionWait = 10 * time.Second
)

// devContract makes a block within a second of a transfer, and none while nobody does
// anything.
const devContract = `{"token":"aka","wallets":"open","schedule":{"every":"1s","empty":false}}`

// devOptions are the flags of bpsc dev.
type devOptions struct {
	members  int
	contract string
	port     int
}

func newDevCommand() *cobra.Command {
	d := &devOptions{}
	cmd := &cobra.Command{
		Use: "dev", Short: "Run a cluster for trying out, which is gone when it ends", Args: cli.ExactArgs(0),
		Example: "  bpsc dev\n  bpsc dev --members 3\n  bpsc dev --contract points.json",
		Long: "Run a cluster on this machine, one member or with --members 3 what a cluster is to be, with the page\n" +
			"and all. It is reached from this machine only. Its contract is open unless --contract says otherwise:\n" +
			"names are free text and nothing is signed. Its data are in a temporary folder; Ctrl-C ends the\n" +
			"members and removes it. A member that is killed is started again after a while, so that one can see\n" +
			"what the others do. Each member is a process of its own: its log is a file in that folder.",
		RunE: func(cmd *cobra.Command, _ []string) error { return d.run(cmd) },
	}
	f := cmd.Flags()
	f.IntVar(&d.members, "members", 1, "how many members: 1, or 3 to see one fail")
	f.StringVar(&d.contract, "contract", "", "JSON file of another contract (default: open, and a block within a second of a transfer)")
	f.IntVar(&d.port, "port", 5000, "where the first member serves, the others ten apart; free ports where one is taken")
	cli.Files(cmd, "contract", "json")
	return cmd
}

func (d *devOptions) check() (contract []byte, err error) {
	switch {
	case d.members < 1 || d.members > maxMembers || d.members == 2:
		return nil, cli.ArgError("--members is 1, or 3 to %d: of two neither may fail", maxMembers)
	case d.port < 1 || d.port+10*d.members > 65535:
		return nil, cli.ArgError("--port is 1 to %d", 65535-10*d.members)
	case d.contract == "":
		return []byte(devContract), nil
	}
	if contract, err = cli.ReadInput(d.contract); err != nil {
		return nil, err
	}
	if _, err = chain.DecodeNewContract(contract); err != nil {
		err = cli.ArgError("--contract %s: %w", d.contract, err)
	}
	return contract, err
}

func (d *devOptions) run(cmd *cobra.Command) (err error) {
	contract, err := d.check()
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(cmd.Context())
	defer stop()
	c, err := local.Start(ctx, local.Options{Members: d.members, Contract: contract, Port: d.port})
	if err != nil {
		return ended(ctx, err)
	}
	defer func() { err = errors.Join(err, c.Stop()) }()
	servers, err := client.New(c.URLs()...)
	if err != nil {
		return err
	}
	out := cmd.OutOrStdout()
	if _, err := io.WriteString(out, d.welcome(c, leaderOf(ctx, servers, ""))); err != nil {
		return err
	}
	told := make(chan string)
	var keepers sync.WaitGroup
	for _, m := range c.Members {
		keepers.Go(func() { keep(ctx, c, m, servers, told) })
	}
	defer keepers.Wait() // before the members are ended, which are theirs until then
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case line := <-told:
			if _, err := fmt.Fprintln(out, line); err != nil {
				return err
			}
		}
	}
}

// welcome says what there is and what to do with it.
func (d *devOptions) welcome(c *local.Cluster, leader string) string {
	var b strings.Builder
	what := "A member serves"
	if d.members > 1 {
		what = fmt.Sprintf("A cluster of %d members serves", d.members)
	}
	fmt.Fprintf(&b, "%s, for trying out: its data are in %s,\nand are removed when it ends.", what, c.Dir)
	if d.contract == "" {
		b.WriteString(" Its contract is open: names are free text, nothing is signed.")
	}
	fmt.Fprintf(&b, "\n\n  the page  %s\n", c.Members[0].URL)
	for _, m := range c.Members {
		role := ""
		if m.ID == leader && d.members > 1 {
			role = "  leads"
		}
		fmt.Fprintf(&b, "  %-8s  %s  process %d%s\n", m.ID, m.URL, m.PID(), role)
	}
	b.WriteString("\nIn another terminal:\n")
	for _, line := range append(environment(c), d.firstCommands(c, leader)...) {
		fmt.Fprintf(&b, "  %s\n", line)
	}
	b.WriteString("\nCtrl-C ends it.\n")
	return b.String()
}

// environment are the lines that put this program on the path of a shell, where it is
// not, and name the servers.
func environment(c *local.Cluster) (lines []string) {
	self, err := os.Executable()
	if found, lookErr := exec.LookPath("bpsc"); err == nil && (lookErr != nil || !same(found, self)) {
		lines = append(lines, fmt.Sprintf("export PATH='%s':$PATH", strings.ReplaceAll(filepath.Dir(self), "'", `'\''`)))
	}
	return append(lines, "export BPSC_SERVER="+strings.Join(c.URLs(), ","))
}

// same tells whether two paths lead to one file.
func same(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// firstCommands are what to begin with, where anybody may send.
func (d *devOptions) firstCommands(c *local.Cluster, leader string) (lines []string) {
	if d.contract == "" {
		lines = append(lines, "bpsc send --from alice --to bob --amount 12.5", "bpsc chain")
	} else {
		lines = append(lines, "bpsc contract show")
	}
	for _, m := range c.Members {
		if m.ID == leader && d.members > 1 {
			lines = append(lines, fmt.Sprintf("kill -9 %d   # %s, which leads", m.PID(), leader))
		}
	}
	return lines
}

// leaderOf asks who leads, and does so again while it is somebody of whom it is known
// that it does not; "" where nobody knows.
func leaderOf(ctx context.Context, servers *client.Client, dead string) string {
	ctx, cancel := context.WithTimeout(ctx, electionWait)
	defer cancel()
	for ctx.Err() == nil {
		now, err := servers.Cluster(ctx)
		if err == nil && now.Leader != "" && now.Leader != dead {
			return now.Leader
		}
		pause(ctx, 50*time.Millisecond)
	}
	return ""
}

// pause waits, or less when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// keep tells when a member has ended and starts it again. The member is its own until it
// returns, which it does when ctx ends.
func keep(ctx context.Context, c *local.Cluster, m *local.Process, servers *client.Client, told chan<- string) {
	tell := func(format string, args ...any) {
		select {
		case told <- fmt.Sprintf(format, args...):
		case <-ctx.Done():
		}
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.Exited():
		}
		tell("%s (process %d) has ended; it is started again in %s", m.ID, m.PID(), againAfter)
		if len(c.Members) > 1 {
			if leader := leaderOf(ctx, servers, m.ID); leader != "" {
				tell("%s leads", leader)
			}
		}
		pause(ctx, againAfter)
		if ctx.Err() != nil {
			return
		}
		if err := m.Start(); err != nil {
			tell("%v", err)
			return
		}
		if err := m.Ready(ctx, c.HTTP); err != nil {
			tell("%v\n%s", err, cli.Printable(m.Tail()))
			continue
		}
		tell("%s serves again, as process %d", m.ID, m.PID())
	}
}
