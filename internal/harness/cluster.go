package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// OpenContract is the default contract of a cluster that is given none: open
// names, blocks on request only.
const OpenContract = `{"token":"aka","decimals":6,"fee_ppm":50,"wallets":"open","on_request":true}`

// Options say what cluster to start.
type Options struct {
	Binary   string
	Dir      string   // for data and logs
	Members  int      // 3 when 0
	Contract string   // JSON; OpenContract when empty
	Args     []string // further arguments of every member
	Network  *Lossy   // between the members; nil for none
	Hosts    *Hosts   // a machine for each member; nil: all on loopback
	TLS      bool     // by certificates that bpsc init makes
}

// Cluster is a set of members on free ports, of loopback or of a machine of its own each.
type Cluster struct {
	Members []*Member
	HTTP    *http.Client
	TLS     *Security // nil where everything is plain

	contract string   // file
	more     []string // further arguments of every member
	hosts    *Hosts   // nil where all are on loopback
}

// New lays out a cluster; nothing is started.
func New(o Options) (*Cluster, error) {
	if o.Members == 0 {
		o.Members = 3
	}
	if o.Contract == "" {
		o.Contract = OpenContract
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	contract := filepath.Join(o.Dir, "contract.json")
	if err := os.WriteFile(contract, []byte(o.Contract), 0o644); err != nil {
		return nil, err
	}
	var apis, rafts, peers []string
	for i := range o.Members {
		api, err := FreePort()
		if err != nil {
			return nil, err
		}
		raft, err := FreePort()
		if err != nil {
			return nil, err
		}
		host := "127.0.0.1"
		if o.Hosts != nil {
			host = o.Hosts.Addr(i)
		}
		apis = append(apis, fmt.Sprintf("%s:%d", host, api))
		rafts = append(rafts, fmt.Sprintf("%s:%d", host, raft))
		id, reach := fmt.Sprintf("n%d", i+1), rafts[i]
		if o.Network != nil {
			if reach, err = o.Network.Front(id, reach); err != nil {
				return nil, err
			}
		}
		peers = append(peers, id+"="+reach)
	}
	c := &Cluster{HTTP: newHTTPClient(), contract: contract, more: o.Args, hosts: o.Hosts}
	for i := range o.Members {
		m := newMember(o.Dir, o.Binary, fmt.Sprintf("n%d", i+1), apis[i], rafts[i], strings.Join(peers, ","), contract, o.Args)
		m.runOn(o.Hosts, i)
		c.Members = append(c.Members, m)
	}
	if o.TLS {
		return c, c.secure(o.Binary, filepath.Join(o.Dir, "tls"), peers, o.Args)
	}
	return c, nil
}

// secure has the members of a new cluster begin with what bpsc init makes.
func (c *Cluster) secure(binary, dir string, peers, more []string) (err error) {
	var apis []string
	for _, m := range c.Members {
		apis = append(apis, m.ID+"="+strings.TrimPrefix(m.URL, "http://"))
	}
	if c.TLS, err = secure(binary, dir, peers, apis); err != nil {
		return err
	}
	for _, m := range c.Members {
		m.URL = "https" + strings.TrimPrefix(m.URL, "http")
		m.Data = filepath.Join(dir, m.ID, "data")
		m.args = c.TLS.args(m.ID, c.contract, more)
	}
	c.HTTP, err = c.TLS.client()
	return err
}

// Start starts every dead member and waits until all are ready.
func (c *Cluster) Start(ctx context.Context) error {
	for _, m := range c.Members {
		if !m.Alive() {
			if err := m.Start(); err != nil {
				return err
			}
		}
	}
	return c.AwaitReady(ctx, 30*time.Second)
}

// AwaitReady waits until every member is ready to serve.
func (c *Cluster) AwaitReady(ctx context.Context, limit time.Duration) error {
	for _, m := range c.Members {
		if err := m.await(ctx, c.HTTP, "/readyz", limit); err != nil {
			return err
		}
	}
	return nil
}

// URLs are where the members' APIs are.
func (c *Cluster) URLs() []string {
	var urls []string
	for _, m := range c.Members {
		urls = append(urls, m.URL)
	}
	return urls
}

// KillAll ends every process at once.
func (c *Cluster) KillAll() error {
	var errs []error
	// All signals before the first wait: the members are to die together.
	for _, m := range c.Members {
		errs = append(errs, m.Signal(syscall.SIGKILL))
	}
	for _, m := range c.Members {
		errs = append(errs, m.Kill())
	}
	return errors.Join(errs...)
}

// Member is one process of a cluster.
type Member struct {
	Process
	Raft string // host:port at which it listens for the others
}

// newMember lays out a member; nothing is started.
func newMember(dir, binary, id, api, raft, cluster, contract string, more []string) *Member {
	m := &Member{newProcess(dir, binary, id, api), raft}
	m.args = append([]string{
		"server", "--id", id, "--data", m.Data, "--listen", api, "--raft", raft,
		"--cluster", cluster, "--contract", contract,
	}, more...)
	return m
}

// runOn has the member be on machine i, whose wire is the test's own; where there are none, here.
func (m *Member) runOn(h *Hosts, i int) {
	if h != nil {
		m.command = func(program string, args []string) *exec.Cmd { return h.command(i, program, args) }
		m.Also("--insecure", "--anonymous", "read,submit", "--rate-per-address", "0")
	}
}

// State is one member's view of the cluster.
type State struct {
	ID      string
	Leader  string
	Term    uint64
	Members []MemberState

	Configuration uint64 // index of the entry that made the members those that they are
}

// MemberState is what a view says of one member.
type MemberState struct {
	ID, Raft, API, Role        string
	Instance                   string // of its disk; "" for a founder
	Voter, Stays, Replacing    bool
	Term, Applied, Commit, Lag uint64
	Last                       uint64 // index of the last log entry
}

// Self is what the viewing member says of itself.
func (s State) Self() MemberState {
	for _, m := range s.Members {
		if m.ID == s.ID {
			return m
		}
	}
	return MemberState{}
}

// Replacing tells whether a member's replacement is open.
func (s State) Replacing(id string) bool {
	return slices.ContainsFunc(s.Members, func(m MemberState) bool { return m.ID == id && m.Replacing })
}

// State asks a member for its view of the cluster.
func (c *Cluster) State(ctx context.Context, m *Member) (State, error) {
	var s State
	return s, Get(ctx, c.HTTP, m.URL+"/v1/cluster", &s)
}

// Leader returns the living member that knows itself as the leader, waiting
// for an election if need be.
func (c *Cluster) Leader(ctx context.Context) (*Member, error) {
	var leader *Member
	err := Until(ctx, 20*time.Second, "a member leads", func(ctx context.Context) error {
		for _, m := range c.Members {
			if s, err := c.State(ctx, m); m.Alive() && err == nil && s.Leader == m.ID {
				leader = m
				return nil
			}
		}
		return errors.New("no member says that it leads")
	})
	return leader, err
}
