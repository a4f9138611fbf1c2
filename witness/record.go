package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// record is the file that remembers one chain. Its origin, size and root stand
// in the note and nowhere else.
type record struct {
	Members []string `json:"members"` // of the policy under which it was cosigned
	Note    string   `json:"note"`    // the newest that was cosigned, as the members sent it
	// Cosignature is the line with which that was answered; empty in a record of 0.1.0.
	Cosignature string `json:"cosignature,omitempty"`
}

const recordSuffix = ".json"

// tracked is one chain.
type tracked struct {
	// members are those of the policy under which newest was cosigned, and so
	// say whose the chain is: files and their names may change.
	members atomic.Pointer[[]string]

	mu     sync.Mutex       // held from the look at newest until its successor is on the disk
	newest proof.Checkpoint // cosigned; size 0: none
	unread bool             // a write failed, so the disk says what newest is
}

func (w *Witness) recordsDir() string { return filepath.Join(w.dir, "logs") }

// recordDigits is how much of the SHA-256 of an origin is the name of its files.
const recordDigits = 32

// fileName is how files call an origin, which has slashes.
func fileName(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:])[:recordDigits]
}

func (w *Witness) recordPath(origin string) string { return w.recordOf(fileName(origin)) }

func (w *Witness) recordOf(name string) string {
	return filepath.Join(w.recordsDir(), name+recordSuffix)
}

// load reads all records.
func (w *Witness) load() error {
	files, err := os.ReadDir(w.recordsDir())
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), recordSuffix) {
			continue // what a crash left of a write
		}
		path := filepath.Join(w.recordsDir(), f.Name())
		r, c, err := readRecord(path)
		if err != nil {
			return err
		}
		if w.recordPath(c.Origin) != path {
			return fmt.Errorf("witness: %s is the record of %s and has not its name", path, c.Origin)
		}
		t := &tracked{newest: c}
		t.members.Store(&r.Members)
		w.chains[c.Origin] = t
	}
	return nil
}

func readRecord(path string) (record, proof.Checkpoint, error) {
	var r record
	if err := durable.ReadSealed(path, &r); err != nil {
		return r, proof.Checkpoint{}, fmt.Errorf("witness: %w", err)
	}
	c, err := proof.ReadCheckpoint([]byte(r.Note))
	if err != nil {
		return r, c, fmt.Errorf("witness: %s: %w", path, err)
	}
	return r, c, nil
}

// of tells whether t is a chain of a's members: whether so many of them are
// those of the policy before that no majority of a is without one. Any policy of a
// will do: those that came after were made by its members.
func (t *tracked) of(a *authority) bool {
	members := *t.members.Load()
	return slices.ContainsFunc(a.policies.Load().Stages(), func(s proof.Stage) bool {
		shared := 0
		for _, key := range keysOf(s.Policy) {
			if slices.Contains(members, key) {
				shared++
			}
		}
		majority, _ := s.Policy.Required()
		return shared >= majority
	})
}

// keysOf are those of the members.
func keysOf(p *proof.Policy) (keys []string) {
	for _, m := range p.Members() {
		keys = append(keys, m.Key.String())
	}
	return keys
}

// tracked is the chain of an origin, nil where there is none yet.
func (w *Witness) tracked(origin string) *tracked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.chains[origin]
}

// track is the chain of an origin for which the members of p, one of a's policies,
// spoke.
func (w *Witness) track(a *authority, p *proof.Policy, origin string) (*tracked, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t := w.chains[origin]; t != nil {
		if !a.pinned[origin] && !t.of(a) {
			return nil, refuse(http.StatusForbidden, "another log of this witness has the chain")
		}
		return t, nil
	}
	count := 0
	for _, t := range w.chains {
		if t.of(a) {
			count++
		}
	}
	if count >= maxOrigins && !a.pinned[origin] {
		return nil, refuse(http.StatusForbidden, "this witness tracks %d chains of these members and takes no more", count)
	}
	t, keys := &tracked{}, keysOf(p)
	t.members.Store(&keys)
	w.chains[origin] = t
	return t, nil
}

// advance makes c, which stands in the record and is signed by p's members, the newest
// checkpoint of t. Who calls it holds t.mu.
func (w *Witness) advance(t *tracked, p *proof.Policy, c proof.Checkpoint, r record) error {
	keys := keysOf(p)
	r.Members = keys
	if err := durable.WriteSealed(w.recordPath(c.Origin), r); err != nil {
		t.unread = true
		return w.failed(c.Origin, err)
	}
	t.newest = c
	t.members.Store(&keys)
	w.cosigned.Store(w.now().UnixMicro())
	return w.Ready() // another chain's write may have failed meanwhile, on the same disk
}

// reread takes what the disk holds of a chain for what was cosigned, after a
// write that failed: it may be either record. Who calls it holds t.mu.
func (w *Witness) reread(t *tracked, origin string) error {
	r, c, err := readRecord(w.recordPath(origin))
	switch {
	case errors.Is(err, fs.ErrNotExist) && t.newest.Size == 0: // the first one was not written
	case err != nil:
		return w.failed(origin, err)
	case c.Size < t.newest.Size:
		return w.failed(origin, fmt.Errorf("size %d was cosigned, and the record has size %d", t.newest.Size, c.Size))
	default:
		t.newest = c
		t.members.Store(&r.Members)
	}
	t.unread = false
	return nil
}

// failed decides what an error of a record means. Where there was no room for it
// the next request reads again what is there; else only a start does.
func (w *Witness) failed(origin string, err error) error {
	if durable.Passing(err) {
		w.logger.Error("there is no room for a record; this chain is not cosigned meanwhile", "origin", origin, "error", err)
		return err
	}
	w.broken.Store(true)
	w.logger.Error("a record could not be written; nothing is cosigned until the next start", "origin", origin, "error", err)
	return err
}
