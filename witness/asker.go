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
	client    *Client
	witness   proof.Cosigner
	handovers Handovers
	last      uint64 // size that the witness had last; 0: not known, or none
	told      int    // number of the newest policy that the witness was told of; 0: none
}

// Handovers are the signed handovers to the policies after the one of a number, in
// their order.
type Handovers func(after int) (notes [][]byte, err error)

// NewAsker asks a witness that has a URL. It tells it of handovers before it sends
// what the members after them have signed; nil where there are none to tell.
func NewAsker(client *Client, w proof.Cosigner, handovers Handovers) *Asker {
	return &Asker{client: client, witness: w, handovers: handovers}
}

// Ask sends a signed checkpoint to the witness and returns the line of its
// cosignature, verified and without newline. stored holds the log, as far as the
// checkpoint at least. err is one of the client's, ErrRolledBack, ErrSecondHistory,
// or from stored.
func (a *Asker) Ask(ctx context.Context, note []byte, stored tlog.HashReader) (line string, err error) {
	c, err := proof.ReadCheckpoint(note)
	if err == nil {
		err = a.tell(ctx)
	}
	if err == nil {
		line, err = a.ask(ctx, &signedLog{note: note, checkpoint: c, stored: stored})
	}
	if err != nil {
		return "", fmt.Errorf("witness %s: %w", a.witness.Name, err)
	}
	return line, nil
}

// tell tells the witness who the members are by now.
func (a *Asker) tell(ctx context.Context) error {
	if a.handovers == nil {
		return nil
	}
	notes, err := a.handovers(a.told)
	if err != nil {
		return err
	}
	for _, note := range notes {
		said, err := proof.ReadHandover(note)
		if err != nil {
			return err
		}
		if err := a.client.AddHandover(ctx, a.witness.URL, note); err != nil {
			return fmt.Errorf("the handover to policy %d: %w", said.Number, err)
		}
		a.told = said.Number
	}
	return nil
}

// ask asks, and once more where the witness has another checkpoint than
// expected.
func (a *Asker) ask(ctx context.Context, s *signedLog) (string, error) {
	size, old := s.checkpoint.Size, a.last
	if old > size {
		old = 0 // the witness has more than is asked for; the answer says what it has now
	}
	var err error
	for range attempts {
		var path []chain.Hash
		if path, err = s.prove(old); err != nil {
			return "", err
		}
		var line string
		if line, err = a.client.add(ctx, a.witness.URL, a.witness.Key, old, path, s.note); err == nil {
			a.last = size
			return line, nil
		}
		var stale *staleError
		if !errors.As(err, &stale) {
			return "", secondHistory(err, old == size)
		}
		a.last = stale.size
		switch {
		case stale.size > size:
			return "", rolledBack(stale.size, size)
		case stale.size == old && old == size:
			return "", fmt.Errorf("%w: at %d blocks", ErrSecondHistory, size)
		case stale.size == old:
			return "", fmt.Errorf("%w: it has %d blocks and says that it has not", errBadAnswer, old)
		}
		old = stale.size
	}
	return "", err
}

// secondHistory says what it means that a proof was refused which holds: the witness
// has another history.
func secondHistory(err error, same bool) error {
	var refused *refusedError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.status == http.StatusUnprocessableEntity || refused.status == http.StatusConflict && same {
		return fmt.Errorf("%w: %w", ErrSecondHistory, err)
	}
	return err
}

// signedLog is a checkpoint with its log.
type signedLog struct {
	note       []byte
	checkpoint proof.Checkpoint
	stored     tlog.HashReader
}

// prove is a proof that the log begins with what it was at a size. It has been
// verified: who refuses it knows another log.
func (s *signedLog) prove(old uint64) ([]chain.Hash, error) {
	if old == 0 {
		return nil, nil
	}
	path, root, err := proof.ProveConsistency(old, s.checkpoint.Size, s.stored)
	if err != nil {
		return nil, err
	}
	then := proof.Checkpoint{Origin: s.checkpoint.Origin, Size: old, Root: root}
	return path, proof.CheckConsistency(then, s.checkpoint, path)
}
