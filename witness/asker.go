package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Asker asks one witness about one chain. It is for one goroutine at a time.
type Asker struct {
	client  *Client
	witness proof.Cosigner
	last    uint64 // size that the witness had last; 0: not known, or none
}

// NewAsker asks a witness that has a URL.
func NewAsker(client *Client, w proof.Cosigner) *Asker { return &Asker{client: client, witness: w} }

// Ask sends a signed checkpoint to the witness and returns the line of its
// cosignature, verified and without newline. stored holds the log, as far as the
// checkpoint at least. err is one of Client.Add, ErrRolledBack, ErrSecondHistory,
// or from stored.
func (a *Asker) Ask(ctx context.Context, note []byte, stored tlog.HashReader) (line string, err error) {
	c, err := proof.ReadCheckpoint(note)
	if err == nil {
		line, err = a.ask(ctx, &question{note: note, checkpoint: c, stored: stored})
	}
	if err != nil {
		return "", fmt.Errorf("witness %s: %w", a.witness.Name, err)
	}
	return line, nil
}

// ask asks, and once more where the witness has another checkpoint than
// expected.
func (a *Asker) ask(ctx context.Context, q *question) (string, error) {
	size, old := q.checkpoint.Size, a.last
	if old > size {
		old = 0 // not a question that can be asked; the answer says what it has now
	}
	var err error
	for range attempts {
		var path []chain.Hash
		if path, err = q.prove(old); err != nil {
			return "", err
		}
		var line string
		if line, err = a.client.Add(ctx, a.witness.URL, a.witness.Key, old, path, q.note); err == nil {
			a.last = size
			return line, nil
		}
		var stale *StaleError
		if !errors.As(err, &stale) {
			return "", verdict(err, old == size)
		}
		a.last = stale.Size
		switch {
		case stale.Size > size:
			return "", &RolledBackError{Seen: stale.Size, Have: size}
		case stale.Size == old && old == size:
			return "", fmt.Errorf("%w: at %d blocks", ErrSecondHistory, size)
		case stale.Size == old:
			return "", fmt.Errorf("%w: it has %d blocks and says that it has not", ErrBadAnswer, old)
		}
		old = stale.Size
	}
	return "", err
}

// verdict says what a refusal of a proof means that holds: the witness has
// another history.
func verdict(err error, same bool) error {
	var refused *RefusedError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.Status == http.StatusUnprocessableEntity || refused.Status == http.StatusConflict && same {
		return fmt.Errorf("%w: %w", ErrSecondHistory, err)
	}
	return err
}

// question is one checkpoint with its log.
type question struct {
	note       []byte
	checkpoint proof.Checkpoint
	stored     tlog.HashReader
}

// prove is a proof that the log begins with what it was at a size. It has been
// verified: who refuses it knows another log.
func (q *question) prove(old uint64) ([]chain.Hash, error) {
	if old == 0 {
		return nil, nil
	}
	path, err := proof.ProveConsistency(old, q.checkpoint.Size, q.stored)
	if err != nil {
		return nil, err
	}
	root, err := tlog.TreeHash(int64(old), q.stored)
	if err != nil {
		return nil, err
	}
	then := proof.Checkpoint{Origin: q.checkpoint.Origin, Size: old, Root: chain.Hash(root)}
	return path, proof.CheckConsistency(then, q.checkpoint, path)
}
