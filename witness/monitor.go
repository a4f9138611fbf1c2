package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/http"
)

// checkpointPath is where the newest checkpoint of each chain is shown, cosigned, below
// the SHA-256 of its origin: what c2sp.org/tlog-witness has for monitors.
const checkpointPath = "/{origin}/checkpoint"

func (w *Witness) serveCheckpoint(rw http.ResponseWriter, r *http.Request) {
	note, err := w.shown(r.PathValue("origin"))
	answer(rw, note, err)
}

// shown is the newest checkpoint that was cosigned of the chain whose origin has a
// hash, with the cosignature, or a *refusal.
func (w *Witness) shown(hash string) (string, error) {
	unknown := refuse(http.StatusNotFound, "nothing of such an origin was cosigned")
	digest, err := hex.DecodeString(hash)
	if err != nil || len(digest) != sha256.Size || hex.EncodeToString(digest) != hash {
		return "", unknown
	}
	// The name of a record is the beginning of the hash.
	path := w.recordOf(hash[:recordDigits])
	_, c, err := readRecord(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", unknown
	case err != nil:
		return "", refuse(http.StatusServiceUnavailable, "the witness cannot read what it has cosigned")
	}
	t := w.tracked(c.Origin)
	if sum := sha256.Sum256([]byte(c.Origin)); t == nil || hex.EncodeToString(sum[:]) != hash {
		return "", unknown
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := w.ready(t, c.Origin); err != nil {
		return "", err
	}
	newest, c, err := readRecord(path) // now nobody writes it
	if err != nil {
		return "", refuse(http.StatusServiceUnavailable, "the witness cannot read what it has cosigned")
	}
	if newest.Cosignature == "" {
		if newest.Cosignature, err = w.sign(c); err != nil {
			return "", err
		}
	}
	return newest.Note + newest.Cosignature + "\n", nil
}
