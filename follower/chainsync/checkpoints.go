package chainsync

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// checkpoints is what the members have signed of one chain, and who they are.
//
// Its own goroutine (run) asks for more of it, and is the only one that writes
// the fields; so run reads them without mu, and writes those below mu with it.
// Others only call newest and signedBy, at any time.
type checkpoints struct {
	cfg    *Config
	token  string
	chain  *writer // read only
	peers  *peers
	client *httpClient

	pending *candidate // owned by run: of more blocks than we have, judged when they are here

	mu      sync.Mutex     // guards all below
	history *proof.History // nil: nobody has said yet who signs
	source  PolicySource
	kept    *candidate
	more    broadcast // kept has changed
}

// candidate is a checkpoint that as many have signed as the policy asks for. It
// does not change once it is kept.
type candidate struct {
	proof.Cosigned
	note    []byte
	peer    *peer
	verdict verdict
}

// verdict says how a candidate compares with our own blocks.
type verdict int

const (
	unjudged verdict = iota // we do not have as many
	agrees                  // it is their root
	differs                 // it is not
)

func (c *candidate) size() uint64 { return c.Checkpoint.Size }

// newCheckpoints reads what an earlier run has kept.
func newCheckpoints(cfg *Config, w *writer, ps *peers, c *httpClient) (*checkpoints, error) {
	cs := &checkpoints{cfg: cfg, token: w.token, chain: w, peers: ps, client: c}
	if err := cs.openPolicies(); err != nil {
		return nil, err
	}
	return cs, cs.open()
}

func (cs *checkpoints) file() string {
	return filepath.Join(cs.cfg.Checkpoints, cs.token+".checkpoint")
}

// open reads the newest checkpoint that was kept. It is believed as far as its
// signatures go: the copy of the chain may have been made anew since.
func (cs *checkpoints) open() error {
	if cs.history == nil {
		return nil
	}
	note, err := os.ReadFile(cs.file())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	signed, err := cs.history.Verify(note, "")
	if err != nil { // by an earlier policy, say
		cs.cfg.Logger.Warn("the checkpoint that was kept is of no use", "file", cs.file(), "error", err)
		return nil
	}
	kept := &candidate{Cosigned: signed, note: note, peer: &peer{url: cs.file()}}
	h := cs.chain.head()
	if h.length >= max(kept.size(), 1) && kept.Checkpoint.Origin == proof.Origin(cs.token, h.id) {
		if verdict, _, err := cs.compare(kept); err != nil {
			return err
		} else if verdict == agrees { // else it is for run to say so
			kept.verdict = agrees
		}
	}
	cs.keep(kept)
	return nil
}

// keep makes a candidate the newest that is verified.
func (cs *checkpoints) keep(kept *candidate) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.kept = kept
	cs.more.send()
}

// store keeps a candidate for good. What it covers is made durable first, so that
// this node never has a checkpoint of more blocks than it has.
func (cs *checkpoints) store(ctx context.Context, kept *candidate) error {
	if err := cs.chain.ledger.Sync(ctx); err != nil {
		return err
	}
	if err := durable.WriteFile(cs.file(), kept.note, 0o600); err != nil {
		return err
	}
	cs.keep(kept)
	return nil
}

// newest is the checkpoint to show, or nil, and what is closed when there may
// be another.
func (cs *checkpoints) newest() (*candidate, <-chan struct{}) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.kept == nil || cs.kept.verdict != agrees {
		return nil, cs.more.wait()
	}
	return cs.kept, cs.more.wait()
}

// signedBy is the policies that the chain goes by, or nil.
func (cs *checkpoints) signedBy() (*proof.History, PolicySource) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.history, cs.source
}

// run asks for checkpoints until ctx ends. An error is final.
func (cs *checkpoints) run(ctx context.Context) error {
	if cs.history == nil && cs.cfg.PolicyDir == "" {
		return nil // nobody is to say who the members are
	}
	var asked uint64
	var compared time.Time
	for tries, wait := 0, time.Duration(0); ; wait = cs.interval(asked, tries) {
		if cs.await(ctx, asked, wait) != nil {
			return nil // ctx ended
		}
		tip := cs.chain.head().length
		all := time.Since(compared) >= cs.cfg.CompareEvery
		before := cs.kept
		err := cs.round(ctx, tip, all)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if all {
			compared = time.Now()
		}
		if tries++; tip > asked || cs.kept != before {
			tries = 0
		}
		asked = tip
	}
}

// interval is how long nobody is asked unless blocks come. Where a checkpoint
// covers all there are only a second history can be new.
func (cs *checkpoints) interval(tip uint64, tries int) time.Duration {
	if newest, _ := cs.newest(); newest != nil && newest.size() >= tip {
		return cs.cfg.CompareEvery
	}
	return backoff(cs.cfg.CheckpointMin, cs.cfg.CheckpointMax, tries)
}

// await waits until there are more blocks than asked for, or for about so long;
// never less than CheckpointMin.
func (cs *checkpoints) await(ctx context.Context, asked uint64, wait time.Duration) error {
	least := cs.cfg.CheckpointMin
	if err := pause(ctx, least, nil); err != nil {
		return err
	}
	patience, cancel := context.WithTimeout(ctx, cs.cfg.jitter(max(wait-least, least)))
	defer cancel()
	_ = waitFor(patience, func() (bool, <-chan struct{}) {
		h, grown := cs.chain.watch()
		return h.length > asked, grown
	})
	return ctx.Err()
}

// round asks one upstream after the other, until one has what is as new as
// what we have; all of them, now and then, since one may show another log than
// the others. An error is final.
func (cs *checkpoints) round(ctx context.Context, tip uint64, all bool) error {
	h := cs.chain.head()
	if h.length == 0 {
		return nil
	}
	if cs.history == nil {
		if err := cs.pinPolicy(ctx, proof.Chain{Token: cs.token, ID: h.id}); err != nil || cs.history == nil {
			return err
		}
	}
	origin := proof.Origin(cs.token, h.id)
	if err := cs.judgePending(ctx, tip, origin); err != nil {
		return err
	}
	for _, p := range cs.peers.askable(all) {
		current := false
		if all { // before a key that was removed counts for long
			if err := cs.caughtUp(ctx, p); err != nil {
				return err
			}
		}
		note, err := cs.client.read(ctx, cs.url(p, "checkpoint"), typeText, proof.MaxNoteBytes)
		if err != nil {
			err = cs.missed(p, err)
		} else if current, err = cs.consider(ctx, p, note, tip, origin); err != nil {
			err = cs.peers.note(err)
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
func (cs *checkpoints) consider(ctx context.Context, p *peer, note []byte, tip uint64, origin string) (current bool, err error) {
	if cs.kept != nil && bytes.Equal(note, cs.kept.note) {
		return true, nil
	}
	signed, err := cs.history.Verify(note, origin)
	if errors.Is(err, proof.ErrMinority) { // others may be members by now
		if err := cs.caughtUp(ctx, p); err != nil {
			return false, err
		}
		signed, err = cs.history.Verify(note, origin)
	}
	if errors.Is(err, proof.ErrRecovery) {
		return true, nil // it is no fault of this upstream, and waits for whoever runs this node
	}
	if err != nil {
		return false, refuse(CheckpointRefused, "%s", clip(err.Error())).by(p)
	}
	shown := &candidate{Cosigned: signed, note: note, peer: p}
	if shown.size() <= tip {
		return cs.judge(ctx, shown)
	}
	if cs.pending == nil || shown.size() < cs.pending.size() { // the sooner it can be judged
		cs.pending = shown
	}
	return true, nil
}

// caughtUp is catchUp, and an error is final.
func (cs *checkpoints) caughtUp(ctx context.Context, p *peer) error {
	if err := cs.catchUp(ctx, p); err != nil {
		return cs.missed(p, err)
	}
	return nil
}

// missed notes that p has no checkpoint, or no policy. What is wrong with its
// answers besides is for those to say that ask it for blocks.
func (cs *checkpoints) missed(p *peer, err error) error {
	if r := asRefusal(err); r != nil && r.reason != CheckpointRefused {
		cs.cfg.Logger.Debug("an upstream shows no checkpoint", "contract", cs.token, "upstream", p.url, "error", err)
		return nil
	}
	return cs.peers.note(blame(p, err))
}

// url is where p has something of the chain.
func (cs *checkpoints) url(p *peer, what string) string {
	return p.url + "/v1/contracts/" + url.PathEscape(cs.token) + "/" + what
}
