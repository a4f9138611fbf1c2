package chainsync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/outcome"
)

// tracker keeps one chain up to date: peers says whom to ask, fetcher asks, and
// writer stores.
//
// One goroutine (run) decides and stores. Beside it run those that fetch ranges,
// which run starts and awaits; watch, which compares the chains of upstreams that
// are not in use; the checkpoints' run; and clients' pulls. They only ask
// upstreams, and tell peers what they heard.
type tracker struct {
	cfg         *Config
	token       string
	source      int // index in cfg.Sources
	peers       *peers
	fetcher     *fetcher
	writer      *writer
	checkpoints *checkpoints

	single bool // owned by run: ask one upstream only, for once: several brought nothing
}

func newTracker(s *Syncer, source int, token string) (*tracker, error) {
	cfg := &s.cfg
	w, err := newWriter(s.ledger, token, cfg.SyncEvery)
	if err != nil {
		return nil, err
	}
	pinned := cfg.pin(token)
	if h := w.head(); h.length > 0 && !pinned.IsZero() && h.id != pinned {
		return nil, fmt.Errorf("follower: the stored chain of %s is %s, not %s", token, h.id, pinned)
	}
	ps := newPeers(cfg, token, cfg.Sources[source].Upstreams, s.evidence)
	ps.tip = w.head().length
	f := &fetcher{resources: s.resources, token: token, pinned: pinned, local: w, peers: ps}
	w.links, w.peers = f, ps
	c, err := newCheckpoints(cfg, w, ps, f.client)
	t := &tracker{cfg: cfg, token: token, source: source, peers: ps, fetcher: f, writer: w, checkpoints: c}
	w.limit = t.limit
	return t, err
}

// run follows the chain until ctx ends. An error is final.
func (t *tracker) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := t.peers.note(t.step(ctx))
		if err != nil && ctx.Err() == nil && !errors.Is(err, errSwitch) && !errors.Is(err, errHeld) {
			return err
		}
	}
	return nil
}

// step gets blocks from one upstream, or from several when many are missing,
// until something changes. The error may be a *refusal.
func (t *tracker) step(ctx context.Context) error {
	if t.writer.head().length >= t.limit() {
		return pause(ctx, t.cfg.jitter(t.cfg.RetryMax), nil) // until this node is started anew
	}
	p, err := t.peers.choose(ctx)
	if err != nil {
		return err
	}
	if t.writer.head().length == 0 {
		err = t.begin(ctx, p)
	} else {
		_, err = t.fetcher.ensure(ctx, p)
	}
	if err != nil {
		return err
	}
	tip := t.writer.head().length
	length := min(t.peers.caughtUp(p, tip), t.limit())
	if length < tip+farBehind || t.single {
		t.single = false
		return t.poll(ctx, p)
	}
	err = t.bulk(ctx, length)
	t.single = t.writer.head().length == tip
	return err
}

// limit is how many blocks of the chain may be taken: all, unless its cluster lost
// its majority and nobody here has accepted who went on.
func (t *tracker) limit() uint64 {
	if r := t.checkpoints.stopped(); r != nil {
		return r.Size
	}
	return proof.MaxSize
}

// begin stores the genesis block.
func (t *tracker) begin(ctx context.Context, p *peer) error {
	genesis, err := t.fetcher.genesis(ctx, p)
	if err != nil {
		return err
	}
	if err := t.writer.adopt(ctx, []fetched{{genesis, p}}); err != nil {
		return err
	}
	t.peers.matched(p, true)
	t.cfg.Logger.Info("a chain begins", "contract", t.token, "chain", genesis.Hash, "upstream", p.url)
	return t.writer.sync(ctx)
}

// bulk fetches the blocks up to about target, which an upstream said it has,
// as ranges side by side. They are taken in order. The error may be a *refusal.
func (t *tracker) bulk(ctx context.Context, target uint64) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var fetching sync.WaitGroup
	var queue []*blockRange
	defer func() {
		cancel(nil)
		fetching.Wait()
		for _, r := range queue {
			r.reserved.releaseAll()
		}
		t.writer.drop()
	}()
	next := t.writer.head().length + 1
	for {
		for next+farBehind <= target+1 && len(queue) <= t.cfg.Parallel {
			counted := t.fetcher.ahead.TryAcquire(1)
			if !counted && len(queue) > 0 { // the range that is waited for goes without
				break
			}
			end := rangeEnd(next, target, t.writer.meanBytes)
			r := t.fetcher.newRange(next, end, end-next+1)
			next = end + 1
			queue = append(queue, r)
			fetching.Go(func() {
				t.fetcher.fetch(ctx, r)
				if counted {
					t.fetcher.ahead.Release(1)
				}
			})
		}
		if len(queue) == 0 {
			return t.writer.sync(ctx)
		}
		err := t.take(ctx, queue[0])
		switch {
		case errors.Is(err, errDisagree), errors.Is(err, errNobody):
			return t.writer.sync(ctx)
		case err != nil:
			return err
		}
		queue = queue[1:]
	}
}

// poll asks p once for what comes next, and waits for it. The error may be a
// *refusal, or errSwitch.
func (t *tracker) poll(ctx context.Context, p *peer) error {
	before := t.writer.head().length
	r := t.fetcher.newRange(before+1, min(before+pollBlocks, t.limit()), pollRoom)
	polling, cancel := context.WithCancelCause(ctx)
	t.peers.polling(cancel)
	began := time.Now()
	var fetching sync.WaitGroup
	fetching.Go(func() {
		defer close(r.out)
		r.err = t.fetcher.stream(polling, p, r, t.cfg.PollWait)
	})
	err := t.take(ctx, r)
	if err == nil && r.length > 0 { // else there are more, and the next one is to link to it
		err = t.writer.writeLast(ctx)
	}
	t.writer.drop()
	t.peers.polling(nil)
	cancel(nil)
	fetching.Wait()
	r.reserved.releaseAll()
	if e := t.writer.sync(ctx); err == nil { // before anybody hears of it
		err = e
	}
	if err != nil {
		return err
	}
	tip := t.writer.head().length
	t.peers.polled(p, r.length, tip)
	// A server may answer at once that there is nothing. Ask again, but not
	// without pause.
	if tip == before && time.Since(began) < t.cfg.PollWait/2 {
		return pause(ctx, t.cfg.jitter(min(t.cfg.RetryMax, t.cfg.PollWait)/2), t.peers.wake)
	}
	return nil
}

// take writes the blocks of r as they come.
func (t *tracker) take(ctx context.Context, r *blockRange) error {
	r.reserved.prioritize()
	for {
		batch, err := r.gather(ctx)
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return r.err
		}
		if err := t.writer.write(ctx, batch); err != nil {
			return err
		}
	}
}

// watch compares the other upstreams' chains with ours now and then, until ctx
// ends. So an upstream that keeps new blocks back is found out, and a second
// history also where nobody would have asked for it. An error is final.
func (t *tracker) watch(ctx context.Context) error {
	before := uint64(0)
	for pause(ctx, t.cfg.jitter(2*t.cfg.CompareEvery), nil) == nil {
		tip := t.writer.head().length
		if tip == 0 {
			continue
		}
		for _, p := range t.peers.idle() {
			length, err := t.fetcher.probe(ctx, p)
			if err == nil {
				t.peers.prefer(p, length, t.writer.head().length, tip == before)
			}
			err = t.peers.note(err)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
		}
		before = tip
	}
	return nil
}

// pull returns when this node has as many blocks as an upstream says there are.
func (t *tracker) pull(ctx context.Context) error {
	for again := false; ; again = true {
		p, length, err := t.askAny(ctx, again)
		if err != nil {
			return err
		}
		if done, err := t.await(ctx, p, length); done || err != nil {
			return err
		}
	}
}

// askAny asks one upstream after the other for the length of the chain. The
// first time it asks those as well that were down, for they may be up again;
// after that their pauses hold, or a pull would undo every one of them.
func (t *tracker) askAny(ctx context.Context, again bool) (*peer, uint64, error) {
	if t.fetcher.pulls.Acquire(ctx, 1) != nil {
		return nil, 0, context.Cause(ctx)
	}
	defer t.fetcher.pulls.Release(1)
	last := errNotSynced // all are aside
	for _, p := range t.peers.ordered(func(p *peer, now time.Time) bool { return !p.lied(now) && (!again || p.usable(now)) }) {
		patience, cancel := context.WithTimeout(ctx, pullPatience)
		length, err := t.fetcher.client.length(patience, p.url, t.token)
		cancel()
		if err == nil {
			t.peers.pulled(p, length, t.writer.head().length)
			return p, length, nil
		}
		if ctx.Err() != nil {
			return nil, 0, err
		}
		last = fmt.Errorf("%s: %w", p.url, err)
	}
	return nil, 0, fmt.Errorf("%w: %s: %w", outcome.NoUpstream, t.token, last)
}

// await waits until this node has as many blocks; false when p, who said that
// there are, has been refused meanwhile.
func (t *tracker) await(ctx context.Context, p *peer, length uint64) (bool, error) {
	before, _ := t.peers.lastRefusal(p)
	for {
		last, refused := t.peers.lastRefusal(p)
		h, grown := t.writer.watch()
		switch {
		case h.length >= length:
			return true, nil
		case last != before:
			return false, nil
		}
		select {
		case <-grown:
		case <-refused:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}
