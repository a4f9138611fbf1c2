package chainsync

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/url"
	"time"

	"github.com/bpsc/bpsc/chain/proof"
)

const (
	typeText  = "text/plain"
	typeBytes = "application/octet-stream"
)

// run asks for checkpoints until ctx ends. An error is final.
func (c *checkpoints) run(ctx context.Context) error {
	cfg := &c.s.f.cfg
	if c.policy == nil && cfg.PolicyDir == "" {
		return nil // nobody is to say who the members are
	}
	var asked uint64
	var compared time.Time
	for tries, wait := 0, time.Duration(0); ; wait = c.patience(asked, tries) {
		if c.await(ctx, asked, wait) != nil {
			return nil // ctx ended
		}
		tip, _ := c.s.at()
		all := time.Since(compared) >= cfg.CompareEvery
		before := c.kept
		err := c.round(ctx, tip, all)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if all {
			compared = time.Now()
		}
		if tries++; tip > asked || c.kept != before {
			tries = 0
		}
		asked = tip
	}
}

// patience is how long nobody is asked unless blocks come. Where a checkpoint
// covers all there are only a second history can be new.
func (c *checkpoints) patience(tip uint64, tries int) time.Duration {
	cfg := &c.s.f.cfg
	if newest, _ := c.newest(); newest != nil && newest.size() >= tip {
		return cfg.CompareEvery
	}
	return doubled(cfg.CheckpointMin, cfg.CheckpointMax, tries)
}

// await waits until there are more blocks than asked for, or for about so long;
// never less than CheckpointMin.
func (c *checkpoints) await(ctx context.Context, asked uint64, wait time.Duration) error {
	least := c.s.f.cfg.CheckpointMin
	if err := pause(ctx, least); err != nil {
		return err
	}
	timer := time.NewTimer(jitter(max(wait-least, least)))
	defer timer.Stop()
	for {
		c.s.mu.Lock()
		tip, grown := c.s.tip, c.s.grown
		c.s.mu.Unlock()
		if tip > asked {
			return nil
		}
		select {
		case <-grown:
		case <-timer.C:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// round asks one upstream after the other, until one has what is as new as
// what we have; all of them, now and then, since one may show another log than
// the others. An error is final.
func (c *checkpoints) round(ctx context.Context, tip uint64, all bool) error {
	named, begun := c.s.origin()
	if !begun {
		return nil
	}
	if c.policy == nil {
		if err := c.pinPolicy(ctx, named); err != nil || c.policy == nil {
			return err
		}
	}
	origin := proof.Origin(named.Token, named.ID)
	if err := c.settle(ctx, tip, origin); err != nil {
		return err
	}
	for _, p := range c.s.askable(all) {
		current := false
		note, err := c.s.f.web.bytes(ctx, c.at(p, "checkpoint"), typeText, proof.MaxNoteBytes)
		if err != nil {
			err = c.missed(p, err)
		} else if current, err = c.consider(ctx, p, note, tip, origin); err != nil {
			err = c.noted(err)
		}
		if err != nil {
			return err
		}
		if current && !all {
			return nil
		}
	}
	return nil
}

// consider looks at what an upstream shows as the newest checkpoint; false
// when another upstream may have a newer one. The error may be a *refusal.
func (c *checkpoints) consider(ctx context.Context, p *peer, note []byte, tip uint64, origin string) (current bool, err error) {
	if c.kept != nil && bytes.Equal(note, c.kept.note) {
		return true, nil
	}
	signed, err := c.policy.Verify(note, origin)
	if err != nil {
		return false, refuse(CheckpointRefused, "%s", clip(err.Error())).by(p)
	}
	shown := &claim{Cosigned: signed, note: note, peer: p}
	if shown.size() <= tip {
		return c.judge(ctx, shown)
	}
	if c.ahead == nil || shown.size() < c.ahead.size() { // the sooner it can be judged
		c.ahead = shown
	}
	return true, nil
}

// missed notes that p has no checkpoint, or no policy. What is wrong with its
// answers besides is for those to say that ask it for blocks.
func (c *checkpoints) missed(p *peer, err error) error {
	var r *refusal
	if errors.As(err, &r) && r.reason != CheckpointRefused {
		c.s.f.log.Debug("an upstream shows no checkpoint", "contract", c.s.token, "upstream", p.url, "error", err)
		return nil
	}
	return c.noted(blame(p, err))
}

// noted notes a refusal. The error is final.
func (c *checkpoints) noted(err error) error {
	var r *refusal
	if errors.As(err, &r) {
		return c.s.refuse(r)
	}
	return err
}

// askable are the upstreams that are not down. A liar is asked only with all
// others: what it shows may be worth more than its word.
func (s *syncer) askable(all bool) (list []*peer) {
	now := time.Now()
	for _, p := range s.order() {
		s.mu.Lock()
		ask := p.usable(now) || all && p.lied(now)
		s.mu.Unlock()
		if ask {
			list = append(list, p)
		}
	}
	return list
}

// at is where p has something of the chain.
func (c *checkpoints) at(p *peer, what string) string {
	return p.url + "/v1/contracts/" + url.PathEscape(c.s.token) + "/" + what
}

// bytes asks for a text, of which at most one byte more than allowed is read:
// who parses it says that it is too large.
func (w *web) bytes(ctx context.Context, target, mediaType string, most int64) ([]byte, error) {
	r, err := w.get(ctx, target, mediaType, 0)
	if err != nil {
		return nil, err
	}
	defer r.end()
	data, err := io.ReadAll(io.LimitReader(&r.body, most+1))
	if err != nil {
		return nil, r.failed(err)
	}
	return data, nil
}
