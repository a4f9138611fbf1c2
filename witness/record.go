package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
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
}

const recordSuffix = ".json"

// tracked is one chain.
type tracked struct {
	// members are those of the policy under which newest was cosigned, and so
	// say whose the chain is: files and their names may change.
	members atomic.Pointer[[]string]

	mu     sync.Mutex       // held from the look at newest until its successor is on the disk
	newest proof.Checkpoint // cosigned; size 0: none
}

func (w *Witness) recordsDir() string { return filepath.Join(w.dir, "logs") }

// fileName is how files call an origin, which has slashes.
func fileName(origin string) string {
	sum := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(sum[:16])
}

func (w *Witness) recordPath(origin string) string {
	return filepath.Join(w.recordsDir(), fileName(origin)+recordSuffix)
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
// those of the policy before that no majority of a is without one.
func (t *tracked) of(a *authority) bool {
	shared := 0
	for _, key := range *t.members.Load() {
		if slices.Contains(a.keys, key) {
			shared++
		}
	}
	majority, _ := a.members.Required()
	return shared >= majority
}

// tracked is the chain of an origin, nil where there is none yet.
func (w *Witness) tracked(origin string) *tracked {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.chains[origin]
}

// track is the chain of an origin for which the members of a spoke.
func (w *Witness) track(a *authority, origin string) (*tracked, error) {
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
	t := &tracked{}
	t.members.Store(&a.keys)
	w.chains[origin] = t
	return t, nil
}

// advance makes c, which stands in note and is signed by a's members, the newest
// checkpoint of t. Who calls it holds t.mu.
func (w *Witness) advance(t *tracked, a *authority, c proof.Checkpoint, note []byte) error {
	if err := durable.WriteSealed(w.recordPath(c.Origin), record{Members: a.keys, Note: string(note)}); err != nil {
		w.broken.Store(true)
		w.logger.Error("a record could not be written; nothing is cosigned until the next start", "origin", c.Origin, "error", err)
		return err
	}
	t.newest = c
	t.members.Store(&a.keys)
	return w.Ready() // another chain's write may have failed meanwhile, on the same disk
}
