package witness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Asker asks the witnesses of one chain. It is safe for use by many goroutines.
type Asker struct {
	client    *Client
	witnesses []proof.Cosigner // never change

	mu    sync.Mutex
	sizes []uint64 // what each had last; 0: not known, or none
}

// NewAsker asks those of the witnesses that have a URL, as in Policy.Witnesses.
func NewAsker(client *Client, witnesses []proof.Cosigner) *Asker {
	reachable := slices.DeleteFunc(slices.Clone(witnesses), func(w proof.Cosigner) bool { return w.URL == "" })
	return &Asker{client: client, witnesses: reachable, sizes: make([]uint64, len(reachable))}
}

// Ask sends a signed checkpoint to all witnesses at a time and returns the
// lines of those that cosigned it, verified and without newlines, in the
// witnesses' order. stored holds the log, as far as the checkpoint at least; it
// is read by one goroutine at a time. err joins what the others say: errors of
// Client.Add, ErrRolledBack, ErrSecondHistory, or errors from stored.
func (a *Asker) Ask(ctx context.Context, note []byte, stored tlog.HashReader) (lines []string, err error) {
	c, err := proof.ReadCheckpoint(note)
	if err != nil {
		return nil, err
	}
	q := &question{note: note, checkpoint: c, stored: stored}
	answers, failures := make([]string, len(a.witnesses)), make([]error, len(a.witnesses))
	var all sync.WaitGroup
	for i, w := range a.witnesses {
		all.Go(func() {
			if answers[i], failures[i] = a.ask(ctx, i, q); failures[i] != nil {
				failures[i] = fmt.Errorf("witness %s: %w", w.Name, failures[i])
			}
		})
	}
	all.Wait()
	return slices.DeleteFunc(answers, func(line string) bool { return line == "" }), errors.Join(failures...)
}

// ask asks one witness, and once more where it has another checkpoint than
// expected.
func (a *Asker) ask(ctx context.Context, i int, q *question) (string, error) {
	w, size := a.witnesses[i], q.checkpoint.Size
	old := a.remembered(i)
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
		if line, err = a.client.Add(ctx, w.URL, w.Key, old, path, q.note); err == nil {
			a.remember(i, size)
			return line, nil
		}
		var stale *StaleError
		if !errors.As(err, &stale) {
			return "", verdict(err, old == size)
		}
		a.remember(i, stale.Size)
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

func (a *Asker) remembered(i int) uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sizes[i]
}

func (a *Asker) remember(i int, size uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.sizes[i] = size
}

// question is one checkpoint with its log.
type question struct {
	note       []byte
	checkpoint proof.Checkpoint

	mu     sync.Mutex
	stored tlog.HashReader
}

// prove is a proof that the log begins with what it was at a size. It has been
// verified: who refuses it knows another log.
func (q *question) prove(old uint64) ([]chain.Hash, error) {
	if old == 0 {
		return nil, nil
	}
	q.mu.Lock()
	defer q.mu.Unlock()
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
