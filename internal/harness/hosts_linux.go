package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Hosts are machines of their own for members: network namespaces on one wire, a bridge, on
// which this process is too. It needs root and iproute2.
type Hosts struct {
	net string // the first three bytes of their addresses
	tag string // what their names begin with, of this process alone
	n   int
}

// NewHosts makes n machines. Close removes them.
func NewHosts(ctx context.Context, n int) (*Hosts, error) {
	pid := os.Getpid()
	h := &Hosts{net: fmt.Sprintf("10.%d.%d", 100+pid/250%100, 1+pid%250), tag: fmt.Sprintf("bp%d", pid), n: n}
	commands := []string{
		fmt.Sprintf("ip link add %s type bridge", h.tag),
		fmt.Sprintf("ip addr add %s.254/24 dev %s", h.net, h.tag),
		fmt.Sprintf("ip link set %s up", h.tag),
	}
	for i := range n {
		host, port := h.name(i), h.port(i)
		commands = append(commands,
			fmt.Sprintf("ip netns add %s", host),
			fmt.Sprintf("ip link add %s type veth peer name eth0 netns %s", port, host),
			fmt.Sprintf("ip link set %s master %s up", port, h.tag),
			fmt.Sprintf("ip -n %s addr add %s/24 dev eth0", host, h.Addr(i)),
			fmt.Sprintf("ip -n %s link set eth0 up", host),
			fmt.Sprintf("ip -n %s link set lo up", host),
		)
	}
	for _, command := range commands {
		if err := ip(ctx, command); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	return h, nil
}

func (h *Hosts) name(i int) string { return fmt.Sprintf("%s-%d", h.tag, i+1) }
func (h *Hosts) port(i int) string { return fmt.Sprintf("%sv%d", h.tag, i+1) }

// Addr is the IP address of machine i, from 0.
func (h *Hosts) Addr(i int) string { return fmt.Sprintf("%s.%d", h.net, i+1) }

// Machine is the name of machine i's network namespace.
func (h *Hosts) Machine(i int) string { return h.name(i) }

// Unplug takes machine i off the wire: what is sent to it and by it is lost, and nothing is
// refused or closed.
func (h *Hosts) Unplug(ctx context.Context, i int) error {
	return ip(ctx, "ip link set "+h.port(i)+" down")
}

// Plug connects it again.
func (h *Hosts) Plug(ctx context.Context, i int) error {
	return ip(ctx, "ip link set "+h.port(i)+" up")
}

// Here is the address at which machines find this process.
func (h *Hosts) Here() string { return h.net + ".254" }

// Filter has nftables on machine i go by a script, such as nft -f reads.
func (h *Hosts) Filter(ctx context.Context, i int, script string) error {
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", h.name(i), "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(script)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft on machine %d: %w: %s", i+1, err, out)
	}
	return nil
}

// LoseLeader takes the leader's machine off the wire under load, and returns how long it took
// from there until a transfer was acknowledged that was sent afterwards, and the machine.
func (c *Cluster) LoseLeader(ctx context.Context, h *Hosts, l *Load) (took time.Duration, machine int, err error) {
	leader, err := c.Leader(ctx)
	if err != nil {
		return 0, 0, err
	}
	machine = slices.Index(c.Members, leader)
	if err := h.Unplug(ctx, machine); err != nil {
		return 0, machine, err
	}
	// Not before: the program that unplugs takes milliseconds, in which the leader goes on.
	took, err = l.failover(ctx, time.Now())
	return took, machine, err
}

// Close removes the machines, on which nothing may run any more.
func (h *Hosts) Close() error {
	var errs []error
	for i := range h.n {
		errs = append(errs, ip(context.Background(), "ip netns del "+h.name(i))) // its end of the wire goes with it
	}
	return errors.Join(append(errs, ip(context.Background(), "ip link del "+h.tag))...)
}

// command is how a program is run on machine i; the process is the program's own.
func (h *Hosts) command(i int, program string, args []string) *exec.Cmd {
	return exec.Command("ip", append([]string{"netns", "exec", h.name(i), program}, args...)...)
}

func ip(ctx context.Context, command string) error {
	words := strings.Fields(command)
	if out, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", command, err, out)
	}
	return nil
}
