// Package lab runs a real cluster on machines of its own, breaks it as a plan says, heals it,
// and judges what clients heard meanwhile.
package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/disk"
	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// Options say what to run.
type Options struct {
	Binary  string
	Dir     string // for everything
	Members int
	Seed    uint64
	Loop    bool                             // all on loopback: no faults of the network
	Clocks  bool                             // the binary is one of Settable
	Disks   bool                             // members' folders are on disks that can fail
	TLS     bool                             // members show certificates
	Guest   bool                             // there is room for one more member
	Next    string                           // the binary of another release; "" for none
	Say     func(format string, args ...any) // progress
	Sink    func([]history.Op)               // gets each round's operations
}

// secret is the operator's, in a cluster that nobody else reaches.
const secret = "only-in-a-laboratory-0123456789abcdef"

// Blocks of the open contract come every half second, empty ones too, so that there is always
// a schedule to keep; those of the signed one by count and time.
const (
	openEvery     = 500 * time.Millisecond
	openContract  = `{"token":"aka","decimals":6,"fee_ppm":50,"wallets":"open","on_request":true,"schedule":{"every":"500ms"}}`
	signedPattern = `{"token":"gold","decimals":6,"wallets":"signed","issuer":"%s","treasurer":"%[1]s","supply":900000000,"freezable":true,"hold_for":"4s","loosening_delay":"0s","schedule":{"every":"1s","transactions":40,"empty":false}}`
)

// World is a cluster, its follower, its clients, and what is wrong with them. Its methods are
// called by one goroutine, but for those that say otherwise.
type World struct {
	Options
	Hosts    *harness.Hosts // nil on loopback
	Cluster  *harness.Cluster
	Follower *harness.Follower
	Book     *history.Book
	Load     *load.Load

	witnesses []*harness.Witness
	forgot    int               // how often the second has
	victim    *harness.Follower // whose first upstream is the liar
	liar      *liar
	chains    []*Chain
	stream    *load.Stream
	http      *http.Client
	trust     *tls.Config                // nil where all is plain
	down      map[string]map[string]bool // why a process is not to be counted on, by id
	cuts      cuts
	disks     map[string]*disk.Mounted
	damage    map[string]string    // what was done to a member's files, until it is repaired
	ended     map[string]time.Time // when a process was last found to have ended by itself
	found     []rules.Finding      // of the round
	observed                       // in the round
	earlier   map[string]bool      // ids of which nobody knows what became of them
	crowd     bool                 // it has been told that others use the machine, too
	streamed  int                  // events of the stream that have been judged
	read      map[string]int       // how much of each process's log has been
	excuse    map[string]bool      // processes that may end by themselves in this round

	guest     *harness.Member // nil where there is no room; the last of the cluster's
	out       map[string]bool // members that are none at the moment
	changing  *harness.Member // comes or goes at the moment
	procedure *procedure      // what the operator is at
	hurry     bool            // he brings it to its end
	release   string          // the binary that members are to be of since the last upgrade
	commands  sync.WaitGroup  // that he has running

	mu     sync.Mutex // guards what follows: several goroutines write and read it
	spells []rules.Spell
	since  time.Time // when there was a majority no more; zero: there is one
	leader string
	term   uint64
	log    []Happening

	// What nobody has judged yet.
	backups   []rules.Backup
	restored  []restored
	forgeries []rules.Forgery
	trials    []rules.Trial
}

// Happening is one line of the story of a run.
type Happening struct {
	At   time.Duration `json:"at"`
	For  time.Duration `json:"for,omitempty"`
	Kind string        `json:"kind"` // fault, election, healed, end, verdict
	What string        `json:"what"`
}

// New starts a cluster and everything around it. Close ends it, also after an error.
func New(ctx context.Context, o Options) (w *World, err error) {
	w = &World{Options: o, Book: history.NewBook(), disks: map[string]*disk.Mounted{}, damage: map[string]string{}, ended: map[string]time.Time{}, down: map[string]map[string]bool{}, cuts: cuts{}, excuse: map[string]bool{}, out: map[string]bool{}, earlier: map[string]bool{}, read: map[string]int{}}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return w, err
	}
	if !o.Loop {
		machines := o.Members
		if o.Guest {
			machines++
		}
		if w.Hosts, err = harness.NewHosts(ctx, machines); err != nil {
			return w, fmt.Errorf("network namespaces: %w", err)
		}
	}
	file := filepath.Join(o.Dir, "operator-secret")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		return w, err
	}
	witnessed, err := w.layWitnesses(ctx)
	if err != nil {
		return w, err
	}
	w.Cluster, err = harness.New(harness.Options{Binary: o.Binary, Dir: o.Dir, Members: o.Members, Contract: openContract, Hosts: w.Hosts, TLS: o.TLS,
		Args: append(witnessed, "--operator-secret-file", file, "--rate-per-address", "0", "--anonymous", "read,submit", "--promote-after", "300ms")})
	if err != nil {
		return w, err
	}
	for i, m := range w.Cluster.Members {
		m.Also("--data", m.Data) // of those with certificates it stands in a file, where the clock is not looked for
		if i%3 == 1 {            // members need not be alike
			m.Also("--log-store", "wal")
		}
	}
	if w.Cluster.TLS != nil {
		if w.trust, err = w.Cluster.TLS.Trust(); err != nil {
			return w, err
		}
	}
	w.http = load.NewClient(w.trust)
	founders := w.Cluster.Members
	if o.Guest {
		if w.guest, err = w.Cluster.Grow(); err != nil {
			return w, err
		}
		w.guest.Also("--data", w.guest.Data)
		w.out[w.guest.ID] = true
	}
	if o.Disks {
		if err := w.mount(); err != nil {
			return w, err
		}
	}
	all := w.Cluster.Members // the guest has not come yet
	w.Cluster.Members = founders
	if err := w.Cluster.Start(ctx); err != nil {
		return w, err
	}
	if w.Follower, err = harness.NewFollower(harness.FollowerOptions{Binary: o.Binary, Dir: o.Dir, ID: "f1", Upstreams: w.Cluster.URLs(),
		Args: w.following()}); err != nil {
		return w, err
	}
	err = w.begin(ctx)
	w.Cluster.Members = all
	return w, err
}

// following is what followers are told besides.
func (w *World) following() []string {
	args := []string{"--rate-per-address", "0"}
	if w.Cluster.TLS != nil {
		args = append(args, "--cacert", w.Cluster.TLS.Authorities())
	}
	return args
}

// begin makes the signed contract, funds its wallets, and starts the follower and the clients.
func (w *World) begin(ctx context.Context) error {
	w.Load = load.New(w.Book, load.NewClient(w.trust))
	var members []load.Node
	for _, m := range w.Cluster.Members {
		members = append(members, load.Node{ID: m.ID, URL: m.URL, Member: true})
	}
	w.Load.Talk(members)
	if err := w.operate(ctx, http.MethodPost, "/v1/contracts", fmt.Sprintf(signedPattern, load.Issuer().Address)); err != nil {
		return err
	}
	var info struct {
		ChainID string `json:"chain_id"`
	}
	for _, m := range w.Cluster.Members {
		err := harness.Until(ctx, 20*time.Second, m.ID+" has both contracts", func(ctx context.Context) error {
			return harness.Get(ctx, w.http, m.URL+"/v1/contracts/"+load.Signed, &info)
		})
		if err != nil {
			return err
		}
	}
	w.Load.Chain = sign.Chain{ID: info.ChainID, Decimals: 6}
	w.chains = []*Chain{NewChain(load.Open, openEvery), NewChain(load.Signed, 0)}
	w.Load.Origins = map[string]string{}
	for _, c := range w.chains {
		if err := harness.Get(ctx, w.http, w.Cluster.Members[0].URL+"/v1/contracts/"+c.Token, &info); err != nil {
			return err
		}
		w.Load.Origins[c.Token] = fmt.Sprintf("bpsc/%s/%.16s", c.Token, info.ChainID)
	}
	if err := w.startWitnesses(ctx); err != nil {
		return err
	}
	if err := w.Load.Fund(ctx); err != nil {
		return err
	}
	if err := errors.Join(w.Follower.Start(), w.Follower.AwaitReady(ctx, 30*time.Second)); err != nil {
		return err
	}
	if err := w.startVictim(ctx); err != nil {
		return err
	}
	w.Load.Talk(w.nodes())
	w.stream = w.Load.Subscribe(ctx, w.Seed, load.Open)
	return nil
}

// Close ends all processes and removes the machines.
func (w *World) Close() error {
	var errs []error
	if w.stream != nil {
		w.stream.Close()
	}
	if w.procedure != nil {
		w.procedure.stop()
	}
	w.commands.Wait()
	if w.Follower != nil {
		errs = append(errs, w.Follower.Kill())
	}
	for _, one := range w.witnesses {
		errs = append(errs, one.Kill())
	}
	if w.victim != nil {
		errs = append(errs, w.victim.Kill())
	}
	if w.liar != nil {
		errs = append(errs, w.liar.server.Close())
	}
	for _, d := range w.disks {
		d.Set(disk.Fault{}) // whoever waits for a disk that stands still cannot even be killed
	}
	if w.Cluster != nil {
		errs = append(errs, w.Cluster.KillAll())
	}
	for _, d := range w.disks {
		errs = append(errs, d.Close())
	}
	if w.Hosts != nil {
		errs = append(errs, w.Hosts.Close())
	}
	return errors.Join(errs...)
}

// nodes are all that clients talk to.
func (w *World) nodes() (nodes []load.Node) {
	for _, i := range w.present() {
		m := w.Cluster.Members[i]
		nodes = append(nodes, load.Node{ID: m.ID, URL: m.URL, Member: true})
	}
	for _, f := range []*harness.Follower{w.Follower, w.victim} {
		if f.Alive() {
			nodes = append(nodes, load.Node{ID: f.ID, URL: f.URL})
		}
	}
	return nodes
}

// processes are the members' and the follower's.
func (w *World) processes() (all []*harness.Process) {
	for _, i := range w.present() {
		all = append(all, &w.Cluster.Members[i].Process)
	}
	for _, one := range w.witnesses {
		all = append(all, &one.Process)
	}
	return append(all, &w.Follower.Process, &w.victim.Process)
}

// everybody is processes, and those of members that are none at the moment.
func (w *World) everybody() []*harness.Process {
	all := w.processes()
	for _, m := range w.Cluster.Members {
		if w.out[m.ID] {
			all = append(all, &m.Process)
		}
	}
	return all
}

// operate sends an operator's request to one member after the other until one takes it.
func (w *World) operate(ctx context.Context, method, path, body string) error {
	n := 0
	return harness.Until(ctx, 20*time.Second, method+" "+path, func(ctx context.Context) error {
		m := w.Cluster.Members[n%len(w.Cluster.Members)]
		n++
		req, err := http.NewRequestWithContext(ctx, method, m.URL+path, strings.NewReader(body))
		if err != nil {
			return harness.Permanent(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Authorization", "Bearer "+secret)
		resp, err := w.http.Do(req)
		if err != nil {
			return err
		}
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode >= 300 {
			return fmt.Errorf("%s: %s", m.ID, resp.Status)
		}
		return nil
	})
}

// Tell adds to the story, and says it. Any goroutine may.
func (w *World) Tell(kind string, lasts time.Duration, format string, args ...any) {
	h := Happening{At: w.Book.Now(), For: lasts, Kind: kind, What: fmt.Sprintf(format, args...)}
	w.mu.Lock()
	w.log = append(w.log, h)
	w.mu.Unlock()
	w.Say("%8.2fs  %-8s %s", h.At.Seconds(), kind, h.What)
}

// Story is what has happened so far.
func (w *World) Story() []Happening {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.log)
}

// index is a member's number, from 0.
func (w *World) index(id string) int {
	return slices.IndexFunc(w.Cluster.Members, func(m *harness.Member) bool { return m.ID == id })
}
