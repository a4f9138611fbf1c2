package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// record is the file that remembers one chain. Its origin, size and root stand
// in the note and nowhere else.
type record struct {
	Log  string `json:"log"`
	Note string `json:"note"` // the newest that was cosigned, as the members sent it
}

const recordSuffix = ".json"

// tracked is one chain.
type tracked struct {
	log string // never changes

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
		w.chains[c.Origin] = &tracked{log: r.Log, newest: c}
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
		if t.log != a.name && !a.pinned[origin] {
			return nil, refuse(http.StatusForbidden, "another log of this witness has the chain")
		}
		return t, nil
	}
	count := 0
	for _, t := range w.chains {
		if t.log == a.name {
			count++
		}
	}
	if count >= maxOrigins && !a.pinned[origin] {
		return nil, refuse(http.StatusForbidden, "this witness tracks %d chains of these members and takes no more", count)
	}
	t := &tracked{log: a.name}
	w.chains[origin] = t
	return t, nil
}

// advance makes c, which stands in note, the newest checkpoint of t. Who calls
// it holds t.mu.
func (w *Witness) advance(t *tracked, c proof.Checkpoint, note []byte) error {
	if err := durable.WriteSealed(w.recordPath(c.Origin), record{Log: t.log, Note: string(note)}); err != nil {
		w.broken.Store(true)
		w.logger.Error("a record could not be written; nothing is cosigned until the next start", "origin", c.Origin, "error", err)
		return err
	}
	t.newest = c
	return w.Ready() // another chain's write may have failed meanwhile, on the same disk
}
