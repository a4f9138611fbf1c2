// Package lab runs a real cluster on machines of its own, breaks it as a plan says, heals it,
// and judges what clients heard meanwhile.
package lab

import (
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/disk"
	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/load"
	"github.com/bpsc/bpsc/e2e/faults/rules"
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
	Liar    string                           // the binary of Lying; "" for none
	Book    *history.Book                    // where clients write, by one clock over several worlds; nil: one of its own
	Say     func(format string, args ...any) // progress
	Sink    func([]history.Op)               // gets each round's operations
}

// World is a cluster, its follower, its clients, and what is wrong with them. Its methods are
// called by one goroutine, but for those that say otherwise.
type World struct {
	Options
	Hosts    *harness.Hosts // nil on loopback
	Cluster  *harness.Cluster
	Follower *harness.Follower
	Load     *load.Load

	witnesses []*harness.Witness
	forgot    int               // how often the second has
	victim    *harness.Follower // whose first upstream is the liar
	liar      *liar
	dishonest *dishonest // nil: all members run what they are to run
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
	crowd     bool                 // it has been told in the round that others use the machine, too
	streamed  int                  // events of the stream that have been judged
	read      map[string]int       // how much of each process's log has been
	excuse    map[string]bool      // processes that may end by themselves in this round

	guest     *harness.Member // nil where there is no room; the last of the cluster's
	out       map[string]bool // members that are none at the moment
	changing  *harness.Member // comes or goes at the moment
	leaving   *harness.Member // is being removed
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

// nodes are all that clients talk to.
func (w *World) nodes() (nodes []load.Node) {
	for _, i := range w.present() {
		m := w.Cluster.Members[i]
		nodes = append(nodes, load.Node{ID: m.ID, URL: m.URL, Member: true, Lies: w.lying(m)})
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
