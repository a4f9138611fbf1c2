package attest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

const (
	// maxAhead bounds the blocks of a chain that are found good before anybody
	// requests an attestation. Of each a leaf is kept, some 200 bytes.
	maxAhead = 1024

	// gather is how long blocks wait for others to be verified with, at most, where nobody
	// has requested an attestation.
	gather = 100 * time.Millisecond

	// logPatience is how long the log may take, after a crash, to bring the end of
	// a chain that this member has signed, before that is told as a fault. It is not
	// ready from the first moment on.
	logPatience = 10 * time.Second

	// leaderPatience is how many times the leader's own patience the others wait for it to
	// choose a size before one of them does: it may be no member of the policy yet.
	leaderPatience = 2
)

// watcher attests one chain. One goroutine, which calls watch, owns all fields; the
// other one, pump, reads token and state alone.
type watcher struct {
	*Attester
	token    string
	journal  *journal
	chain    *verified
	last     chain.Attestation // the last of this process
	pending  bool              // last has not reached the log
	retryAt  time.Time         // when to try that again
	pause    time.Duration     // before retryAt, since the last attempt
	turnAt   time.Time         // when its turn to choose comes; zero: it has not asked for one
	chosenAt time.Time         // when this member last chose a size
	unchosen time.Time         // since when there are blocks that nobody has chosen
	newest   uint64            // size that was the newest then
	differs  bool              // the log has told that somebody's state differs
	since    time.Time         // since when a block has not been verified
	counted  uint64            // records in the blocks, when all of these were verified last
	noRoom   bool              // there was no room for the journal, and nothing was attested since
	// What fingerprintAt returned for the sizes that others have attested.
	fingerprints map[uint64]fingerprint
	quorums      map[uint64]Quorum // by size, as they were asked for since the last look
}

// watch attests one chain until ctx ends or the chain turns out bad.
func (a *Attester) watch(ctx context.Context, token string) {
	w := &watcher{Attester: a, token: token}
	err := w.once(ctx)
	for durable.Passing(err) {
		w.noRoom = true
		a.unready(token, fmt.Errorf("this member signs no checkpoint of %s until there is room again: %w", token, err))
		if w.backOff(ctx) != nil {
			return
		}
		err = w.once(ctx)
	}
	if ctx.Err() == nil {
		a.fault(token, err)
		if !errors.Is(err, ErrDiverged) {
			w.compareOn(ctx)
		}
	}
}

// once attests from what the journal says on. What a write that failed has left
// is not known, so nothing that this member has in memory counts after one.
func (w *watcher) once(ctx context.Context) error {
	if err := w.open(ctx); err != nil {
		if errors.Is(err, ErrForgot) {
			w.cfg.Fatal(err)
		}
		return err
	}
	return w.run(ctx)
}

// backOff is the pause before another attempt.
func (w *watcher) backOff(ctx context.Context) error {
	w.pause = min(max(2*w.pause, w.cfg.Every), w.cfg.Patience)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(w.pause):
		return nil
	}
}

// compareOn goes on comparing where this member signs no more: one whose state
// is not that of the majority must not serve it either.
func (w *watcher) compareOn(ctx context.Context) {
	for ctx.Err() == nil {
		w.quorums = map[uint64]Quorum{}
		attestations, more, err := w.state.Attestations(w.token)
		if err == nil {
			err = w.compare(attestations)
		}
		if errors.Is(err, ErrDiverged) {
			w.cfg.Fatal(err)
		}
		if err != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-more:
		}
	}
}

// open finds the place in the chain where this member has signed last. After
// a crash the log has to bring back the end of the chain first.
func (w *watcher) open(ctx context.Context) (err error) {
	before := w.journal
	if w.journal, err = openJournal(w.groups, w.token); err != nil {
		w.journal = before
		return err
	}
	last := w.journal.last.Size
	if before != nil && last < before.last.Size {
		return fmt.Errorf("%w: root %s of %d blocks, and the journal says %d", ErrWouldContradict, before.last.Root, before.last.Size, last)
	}
	info, err := w.state.Contract(w.token)
	if err != nil {
		return err
	}
	if info.Length < last {
		behind := fmt.Errorf("this member has signed %d blocks of %s, and the chain here is shorter: unless the log brings the others, this cluster went back in time",
			last, w.token)
		w.note(w.token, behind)
		late := time.AfterFunc(logPatience, func() { w.report(w.token, behind) })
		err := w.state.WaitBlock(ctx, w.token, last)
		late.Stop()
		if err != nil {
			return err
		}
	}
	if w.chain, err = resume(w.state, w.token, w.journal.last); err == nil && !w.noRoom {
		w.unready(w.token, nil)
	}
	return err
}

// run attests whenever there is something to attest. It ends with ctx, or with the
// reason why this member must not sign any more.
func (w *watcher) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var pump sync.WaitGroup
	defer pump.Wait()
	defer cancel()
	grown := make(chan struct{}, 1)
	pump.Go(func() { w.pump(ctx, grown) })
	for {
		attestations, more, err := w.look()
		if err != nil {
			return err
		}
		relies, err := w.relies(w.token)
		if err != nil {
			return err
		}
		size, wait := uint64(0), w.cfg.Look // an audit is under way, or about to begin
		if relies {
			size, wait = w.choose(attestations)
		}
		if size > 0 {
			if err := w.attest(ctx, attestations, size); err != nil {
				return err
			}
			continue
		}
		busy, gathered, err := w.verifyAhead(ctx)
		if err != nil {
			return err
		}
		if busy {
			continue
		}
		if gathered > 0 && (wait <= 0 || gathered < wait) {
			wait = gathered
		}
		var alarm <-chan time.Time
		if wait > 0 {
			alarm = time.After(wait)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-more:
		case <-grown:
		case <-alarm:
		}
	}
}

// look takes what all members have attested, and holds this one's state and journal
// against it. An error is why it must not sign; where it must not serve either it is fatal.
func (w *watcher) look() (attestations []chain.Attestation, more <-chan struct{}, err error) {
	w.quorums = map[uint64]Quorum{}
	attestations, more, err = w.state.Attestations(w.token)
	if err == nil {
		err = w.compare(attestations)
	}
	if err == nil {
		err = w.journal.covers(w.token, w.cfg.Member, attestations)
	}
	if errors.Is(err, ErrDiverged) || errors.Is(err, ErrForgot) {
		w.cfg.Fatal(err)
	}
	return attestations, more, err
}

// pump signals each new block, at most one signal ahead.
func (w *watcher) pump(ctx context.Context, grown chan<- struct{}) {
	for index := uint64(1); w.state.WaitBlock(ctx, w.token, index) == nil; {
		info, err := w.state.Contract(w.token)
		if err != nil {
			return
		}
		index = info.Length + 1 // before the signal: who gets it sees no less
		select {
		case grown <- struct{}{}:
		default:
		}
	}
}

// verifyAhead verifies some blocks that nobody has requested yet, so that all
// members do so at the same time, and not one after the leader. A few it lets gather,
// because signatures take less in large batches; then it says how long.
func (w *watcher) verifyAhead(ctx context.Context) (busy bool, wait time.Duration, err error) {
	info, err := w.state.Contract(w.token)
	if err != nil {
		return false, 0, err
	}
	blocks, room, records := max(info.Length, w.chain.Length())-w.chain.Length(), uint64(maxAhead-min(maxAhead, len(w.chain.ahead))), info.Records-uint64(info.Pending)
	if blocks == 0 {
		w.since, w.counted = time.Time{}, records
	}
	if blocks == 0 || room == 0 {
		return false, 0, nil
	}
	now := w.cfg.Now()
	if w.since.IsZero() {
		w.since = now
	}
	if wait := w.since.Add(gather).Sub(now); wait > 0 && blocks < min(room, runBlocks) && records-w.counted < claimBatch {
		return false, wait, nil
	}
	w.since = time.Time{}
	return true, 0, w.chain.turn(ctx, w.Attester, w.token, w.chain.Length()+min(blocks, room))
}

// attest verifies the chain up to a size, signs, and puts that into the log. An
// error is a reason to sign no more.
func (w *watcher) attest(ctx context.Context, attestations []chain.Attestation, size uint64) error {
	if err := w.chain.to(ctx, w.Attester, w.token, size); err != nil {
		return err
	}
	mine, err := w.fingerprintAt(size)
	if err != nil {
		return err
	}
	a := chain.Attestation{Member: w.cfg.Member, Size: size, Root: w.chain.tree.Root(), Digest: mine.digest}
	if mine.root != a.Root {
		return fmt.Errorf("%w: the log of headers on this member's disk has root %s at %d blocks, the blocks come to %s", chain.ErrInvalid, mine.root, size, a.Root)
	}
	for _, s := range attestations { // the log may know more than a restored journal
		if s.Member == w.cfg.Member && s.Size == size && s.Root != a.Root {
			return fmt.Errorf("%w: root %s of %d blocks, and this is root %s", ErrWouldContradict, s.Root, size, a.Root)
		}
	}
	// Last: what was restored before this moment is audited before it is signed, and what is
	// restored after it was verified before.
	if relies, err := w.relies(w.token); !relies || err != nil {
		return err
	}
	if err := w.sign(&a); err != nil {
		return err
	}
	w.noteAttempt(a, w.log.Attest(ctx, w.token, a))
	return nil
}

// sign adds the signature, once the journal has what it is over.
func (w *watcher) sign(a *chain.Attestation) error {
	id, tip := w.chain.id, w.chain.tip
	if err := w.journal.write(signed{ChainID: id, Size: a.Size, Root: a.Root, Tip: tip.Hash, Timestamp: tip.Timestamp}); err != nil {
		return err
	}
	body := proof.Checkpoint{Origin: proof.Origin(w.token, id), Size: a.Size, Root: a.Root}.Body()
	line, err := proof.Cosign(body, w.cfg.Key, chain.SecondsOf(w.cfg.Now()))
	a.Cosignature = line
	return err
}

// noteAttempt notes whether a reached the log. A refusal is not final: at the first
// start the log may not have this member's key yet.
func (w *watcher) noteAttempt(a chain.Attestation, err error) {
	w.last, w.pending = a, err != nil
	var refused chain.Code
	switch {
	case err == nil:
		w.pause, w.noRoom = 0, false
		w.unready(w.token, nil)
		return
	case errors.As(err, &refused): // an entry of the log each time
		w.pause = min(max(2*w.pause, w.cfg.Every), w.cfg.Patience)
		w.unready(w.token, fmt.Errorf("the cluster does not take this member's attestation of %s: %w", w.token, err))
	default:
		w.pause = w.cfg.Every
	}
	w.retryAt = w.cfg.Now().Add(w.pause)
	w.cfg.Logger.Debug("an attestation did not reach the log", "contract", w.token, "size", a.Size, "error", err)
}
