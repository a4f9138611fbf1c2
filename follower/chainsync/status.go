package chainsync

import (
	"fmt"
	"maps"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// ChainStatus says how one chain is followed.
type ChainStatus struct {
	Token          string
	ChainID        chain.Hash // zero: no genesis block yet
	Length         uint64     // blocks that this node has
	UpstreamLength uint64     // and its upstream, as last seen
	Synced         bool       // this node had as many as its upstream, once
	LastContact    time.Time  // when an upstream last answered well; zero: never
	Upstreams      []UpstreamStatus
	Refusals       map[Reason]uint64 // since the start
	Evidence       []string          // names of files in Config.Evidence
	Policy         PolicySource      // who says whose signatures count
	CheckpointSize uint64            // blocks that Checkpoint covers; 0: there is none
	Signers        []string          // who signed it
}

// UpstreamStatus says how it stands with one upstream of a chain.
type UpstreamStatus struct {
	URL     string
	Current bool      // it is the one that is asked
	Length  uint64    // of its chain, as it said last
	Aside   time.Time // it is not asked before; zero: it may be asked
	Refused Refusal   // the last one
}

// Status says how each chain is followed, in the order in which they were
// found.
func (s *Syncer) Status() []ChainStatus {
	names, err := s.evidence.list()
	if err != nil {
		s.cfg.Logger.Error("evidence cannot be listed", "error", err)
	}
	var list []ChainStatus
	for _, t := range s.chains() {
		h := t.writer.head()
		status := ChainStatus{Token: t.token, ChainID: h.id, Length: h.length}
		t.peers.status(&status)
		_, status.Policy = t.checkpoints.signedBy()
		if newest, _ := t.checkpoints.newest(); newest != nil {
			status.CheckpointSize, status.Signers = newest.size(), signers(newest.Cosigned)
		}
		for _, name := range names {
			if evidenceToken(name) == t.token {
				status.Evidence = append(status.Evidence, name)
			}
		}
		list = append(list, status)
	}
	return list
}

// status fills in what upstreams are to the chain.
func (ps *peers) status(c *ChainStatus) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	c.UpstreamLength, c.Synced = ps.length, ps.synced
	c.LastContact, c.Refusals = ps.contact, maps.Clone(ps.refusals)
	now := time.Now()
	for _, p := range ps.all {
		u := UpstreamStatus{URL: p.url, Current: p == ps.current, Length: p.length, Refused: p.refused}
		if !p.usable(now) {
			u.Aside = ps.cfg.Now().Add(p.aside.Sub(now))
		}
		c.Upstreams = append(c.Upstreams, u)
	}
}

// Ready is nil once every known chain was as long here as at its upstream, and
// while there is no evidence. Otherwise it says why; evidence is ErrEvidence.
func (s *Syncer) Ready() error {
	names, err := s.evidence.list()
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %d files in %s, the first is %s; move them away once you have looked at them",
			ErrEvidence, len(names), s.cfg.Evidence, names[0])
	}
	for _, src := range s.sources {
		src.mu.Lock()
		listed, failed := src.listed, src.failed
		src.mu.Unlock()
		if src.Token == "" && !listed {
			return fmt.Errorf("%w: the contracts of %v are not known: %s", errNotSynced, src.Upstreams, failed)
		}
	}
	for _, c := range s.Status() {
		if !c.Synced {
			return fmt.Errorf("%w: %s has %d of %d blocks%s", errNotSynced, c.Token, c.Length, c.UpstreamLength, c.complaint())
		}
	}
	return nil
}

// complaint is the refusal that came last.
func (c *ChainStatus) complaint() string {
	var last UpstreamStatus
	for _, u := range c.Upstreams {
		if u.Refused.At.After(last.Refused.At) {
			last = u
		}
	}
	if last.Refused.Reason == "" {
		return ""
	}
	return fmt.Sprintf("; %s was refused: %s: %s", last.URL, last.Refused.Reason, last.Refused.Detail)
}

// LastContact is when an upstream last answered well about the chain for which
// that is longest ago; zero while one has never been heard of.
func (s *Syncer) LastContact() time.Time {
	var oldest time.Time
	for i, t := range s.chains() {
		t.peers.mu.Lock()
		contact := t.peers.contact
		t.peers.mu.Unlock()
		if i == 0 || contact.Before(oldest) {
			oldest = contact
		}
	}
	return oldest
}
