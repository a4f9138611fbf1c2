// Package witness cosigns the checkpoints of clusters that it is no part of
// (c2sp.org/tlog-witness), never two of one chain that contradict each other;
// and it is what members use to ask such witnesses. See DESIGN.md beside this
// file.
package witness

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// Log is a cluster whose chains a witness cosigns.
type Log struct {
	// Name is what messages call it: the policy's file. Nothing is kept under it.
	Name string
	// Policies have the members' keys and say how many of them it takes, each with
	// those that came after it, as far as they are known; their own witnesses do not
	// count here. Where the first names chains, the witness cosigns those; else any of
	// these members, the first 1,000.
	Policies *proof.History
}

// Config is what a Witness has to know. Start from DefaultConfig.
type Config struct {
	// Dir is the folder of what it has seen, its own and nobody else's. It must
	// never come back from a backup: see DESIGN.md.
	Dir string
	// Key signs. It is the key of no member.
	Key proof.SigningKey
	// Logs are the clusters it knows, 1 to 100. No two name one chain.
	Logs []Log
	// AcceptRecovery are the hashes of handovers by which clusters that had lost
	// their majority went on, and which whoever runs the witness has looked into.
	AcceptRecovery []chain.Hash
	// Now is the time that cosignatures carry.
	Now    func() time.Time
	Logger *slog.Logger
}

// DefaultConfig is a Config without folder, key and logs.
func DefaultConfig() Config {
	return Config{Now: time.Now, Logger: slog.New(slog.DiscardHandler)}
}

// Validate says what is wrong with c.
func (c Config) Validate() error {
	switch {
	case c.Dir == "" || c.Key.Verifier().Name() == "" || c.Now == nil || c.Logger == nil:
		return errors.New("witness: a folder, a key, a clock and a logger are needed")
	case len(c.Logs) == 0 || len(c.Logs) > maxLogs:
		return fmt.Errorf("witness: %d logs, 1 to %d are possible", len(c.Logs), maxLogs)
	}
	pinned := map[string]string{}
	for _, l := range c.Logs {
		if l.Policies == nil || l.Policies.First() == nil {
			return fmt.Errorf("witness: log %q has no policy", l.Name)
		}
		for _, m := range l.Policies.Newest().Members() {
			if m.Key.Public() == c.Key.Verifier().Public() {
				return fmt.Errorf("witness: log %q: member %s has the witness's key, and nobody is a witness of itself", l.Name, m.Name)
			}
		}
		for _, c := range l.Policies.Chains() {
			origin := proof.Origin(c.Token, c.ID)
			if other, twice := pinned[origin]; twice {
				return fmt.Errorf("witness: %s is named by the logs %q and %q", origin, other, l.Name)
			}
			pinned[origin] = l.Name
		}
	}
	return nil
}

// ErrLocked: another process works in the folder. Two witnesses with one key
// and two memories would sign two histories.
var ErrLocked = errors.New("the witness's folder is in use")

// Witness remembers the newest checkpoint of each chain that it cosigned. It is
// safe for use by many goroutines.
type Witness struct {
	dir         string
	key         proof.SigningKey
	authorities []*authority // the list never changes
	now         func() time.Time
	accepted    []chain.Hash // recoveries
	logger      *slog.Logger
	lock        *flock.Flock

	// broken is set once a write has failed. What is on the disk is then known
	// only after a restart, so nothing is cosigned any more.
	broken atomic.Bool

	cosigned     atomic.Int64  // when a checkpoint was last, unix microseconds; 0: not since the start
	contradicted atomic.Uint64 // checkpoints that came and contradict what was cosigned

	mu     sync.Mutex
	chains map[string]*tracked // by origin; entries are never removed
}

// New takes cfg.Dir for this process and reads what the witness has seen. The
// error is ErrLocked, or says which record is damaged: without it the witness
// does not start, since what it has signed would be forgotten.
func New(cfg Config) (*Witness, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	w := &Witness{dir: cfg.Dir, key: cfg.Key, now: cfg.Now, logger: cfg.Logger, chains: map[string]*tracked{}}
	for _, dir := range []string{w.recordsDir(), w.policiesDir()} {
		if err := durable.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("witness: %w", err)
		}
	}
	w.lock = flock.New(filepath.Join(w.dir, "lock"))
	locked, err := w.lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	if !locked {
		return nil, fmt.Errorf("witness: %w: %s", ErrLocked, w.dir)
	}
	if err := errors.Join(w.loadPolicies(cfg), w.load()); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

// Close gives the folder back. Shut the server down first.
func (w *Witness) Close() error { return w.lock.Unlock() }

// Ready says why the witness cosigns nothing; nil when it does.
func (w *Witness) Ready() error {
	if w.broken.Load() {
		return errors.New("a record could not be written; restart the witness when the disk is well")
	}
	return nil
}
