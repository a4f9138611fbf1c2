package witness

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/transparency-dev/formats/log"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// refusal is an answer other than a cosignature.
type refusal struct {
	status int
	reason string
	size   uint64 // of the newest checkpoint, with 409
}

// Error is the reason.
func (r *refusal) Error() string { return r.reason }

func refuse(status int, format string, args ...any) *refusal {
	return &refusal{status: status, reason: fmt.Sprintf(format, args...)}
}

// conflict tells the size that the witness has of t.
func conflict(t *tracked) *refusal {
	return &refusal{status: http.StatusConflict, reason: "the witness has another checkpoint", size: t.newest.Size}
}

// cosign answers one request with the line of a cosignature, or with a
// *refusal. What it signs is on the disk before.
func (w *Witness) cosign(body []byte) (string, error) {
	q, c, err := readRequest(body)
	if err != nil {
		return "", err
	}
	a, p, err := w.vouched(c, q.note)
	if err != nil {
		return "", err
	}
	t, err := w.track(a, p, c.Origin)
	if err != nil {
		return "", err
	}
	line, err := w.accept(t, a, p, q, c)
	if err == nil {
		w.logger.Debug("cosigned", "origin", c.Origin, "size", c.Size)
	}
	return line, err
}

// sign is the line of a cosignature. It must not leave before the record has it.
func (w *Witness) sign(c proof.Checkpoint) (string, error) {
	line, err := proof.Cosign(c.Body(), w.key, chain.SecondsOf(w.now()))
	if err != nil {
		w.logger.Error("no cosignature", "origin", c.Origin, "error", err)
		return "", refuse(http.StatusServiceUnavailable, "the witness cannot sign")
	}
	return line, nil
}

// readRequest takes a request apart and looks at no signature.
func readRequest(body []byte) (request, proof.Checkpoint, error) {
	var c proof.Checkpoint
	q, err := decodeRequest(body)
	if err != nil {
		return q, c, refuse(http.StatusBadRequest, "malformed request: %v", err)
	}
	// Logs of other kinds have checkpoints that are none to us, and are unknown.
	var foreign log.Checkpoint
	if _, err := foreign.Unmarshal(q.note); err == nil {
		if _, _, err := proof.ParseOrigin(foreign.Origin); err != nil {
			return q, c, refuse(http.StatusNotFound, "unknown origin")
		}
	}
	if c, err = proof.ReadCheckpoint(q.note); err != nil {
		return q, c, refuse(http.StatusBadRequest, "malformed checkpoint: %v", err)
	}
	if q.old > c.Size {
		return q, c, refuse(http.StatusBadRequest, "the old size is %d, the checkpoint's %d", q.old, c.Size)
	}
	return q, c, nil
}

// accept makes c the newest checkpoint of t, or finds it there, and cosigns it. Of two
// requests for one chain, the second waits here until the first is on the disk.
func (w *Witness) accept(t *tracked, a *authority, p *proof.Policy, q request, c proof.Checkpoint) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := w.ready(t, c.Origin); err != nil {
		return "", err
	}
	forked := c.Size == t.newest.Size && c.Root != t.newest.Root
	if forked {
		w.convict(a, c, q.note)
	}
	switch {
	case q.old != t.newest.Size:
		return "", conflict(t)
	case forked:
		return "", refuse(http.StatusUnprocessableEntity, "the witness has another root of %d blocks", c.Size)
	}
	if err := follows(t.newest, c, q.path); err != nil {
		// No evidence: anybody can send a proof that fails.
		w.logger.Warn("a checkpoint does not follow from the one before", "origin", c.Origin, "size", c.Size, "newest", t.newest.Size, "error", err)
		return "", refuse(http.StatusUnprocessableEntity, "%v", err)
	}
	line, err := w.sign(c)
	if err != nil || c.Size == t.newest.Size {
		return line, err
	}
	if err := w.advance(t, p, c, record{Note: string(q.note), Cosignature: line}); err != nil {
		return "", refuse(http.StatusServiceUnavailable, "the witness cannot write")
	}
	return line, nil
}

// ready makes sure that what is known of t is what the disk has. Who calls it holds
// t.mu.
func (w *Witness) ready(t *tracked, origin string) error {
	if err := w.Ready(); err != nil {
		return refuse(http.StatusServiceUnavailable, "%v", err)
	}
	if t.unread {
		if err := w.reread(t, origin); err != nil {
			return refuse(http.StatusServiceUnavailable, "the witness cannot read what it has cosigned")
		}
	}
	return nil
}

// follows checks that the log of c begins with that of newest.
func follows(newest, c proof.Checkpoint, path []chain.Hash) error {
	if newest.Size > 0 {
		return proof.CheckConsistency(newest, c, path)
	}
	if len(path) > 0 {
		return fmt.Errorf("%w: the proof from size 0 is empty", proof.ErrInconsistent)
	}
	return nil
}

// vouched finds the log whose members signed a checkpoint, and their policy.
func (w *Witness) vouched(c proof.Checkpoint, note []byte) (*authority, *proof.Policy, error) {
	candidates := w.candidates(c.Origin)
	if len(candidates) == 0 {
		return nil, nil, refuse(http.StatusNotFound, "unknown origin")
	}
	var reasons []error
	for _, a := range candidates {
		p, err := a.policies.Load().For(c.Origin, c.Size)
		if err == nil {
			_, err = p.Verify(note, c.Origin)
		}
		if err == nil {
			return a, p, nil
		}
		reasons = append(reasons, err)
	}
	return nil, nil, refuse(http.StatusForbidden, "%v", errors.Join(reasons...))
}

// candidates are the logs that may speak for an origin: the one that names it;
// else one with members that it is tracked for, so that no other cluster takes a
// chain over; else all that name no chains.
func (w *Witness) candidates(origin string) (open []*authority) {
	t := w.tracked(origin)
	for _, a := range w.authorities {
		if a.pinned[origin] {
			return []*authority{a}
		}
		if len(a.pinned) == 0 && (t == nil || t.of(a)) {
			open = append(open, a)
		}
	}
	return open
}
