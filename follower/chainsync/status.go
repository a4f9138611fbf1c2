package chainsync

import (
	"fmt"
	"maps"
	"slices"
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
func (f *Follower) Status() []ChainStatus {
	names, err := f.evidence.list()
	if err != nil {
		f.log.Error("evidence cannot be listed", "error", err)
	}
	var list []ChainStatus
	for _, s := range f.chains() {
		status := s.status()
		status.addCheckpoint(s.signed)
		for _, name := range names {
			if evidenceToken(name) == s.token {
				status.Evidence = append(status.Evidence, name)
			}
		}
		list = append(list, status)
	}
	return list
}

func (c *ChainStatus) addCheckpoint(signed *checkpoints) {
	if newest, _ := signed.newest(); newest != nil {
		c.CheckpointSize, c.Signers = newest.size(), signers(newest.Cosigned)
	}
	signed.mu.Lock()
	defer signed.mu.Unlock()
	c.Policy = signed.source
}

func (s *syncer) status() ChainStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := ChainStatus{
		Token: s.token, Length: s.tip, UpstreamLength: s.length, Synced: s.synced,
		LastContact: s.contact, Refusals: maps.Clone(s.refusals),
	}
	if s.tip > 0 {
		c.ChainID = s.chainID
	}
	now := time.Now()
	for _, p := range s.peers {
		u := UpstreamStatus{URL: p.url, Current: p == s.current, Length: p.length, Refused: p.refused}
		if !p.usable(now) {
			u.Aside = s.f.now().Add(p.aside.Sub(now))
		}
		c.Upstreams = append(c.Upstreams, u)
	}
	return c
}

// Ready is nil once every known chain was as long here as at its upstream, and
// while there is no evidence. Otherwise it says why, and wraps ErrEvidence or
// ErrNotSynced.
func (f *Follower) Ready() error {
	names, err := f.evidence.list()
	if err != nil {
		return err
	}
	if len(names) > 0 {
		return fmt.Errorf("%w: %d files in %s, the first is %s; move them away once you have looked at them",
			ErrEvidence, len(names), f.evidence.dir, names[0])
	}
	f.mu.Lock()
	found := slices.Clone(f.found)
	f.mu.Unlock()
	for i, src := range f.cfg.Sources {
		if src.Token == "" && !found[i].done {
			return fmt.Errorf("%w: the contracts of %v are not known: %s", ErrNotSynced, src.Upstreams, found[i].failed)
		}
	}
	for _, c := range f.Status() {
		if !c.Synced {
			return fmt.Errorf("%w: %s has %d of %d blocks%s", ErrNotSynced, c.Token, c.Length, c.UpstreamLength, c.complaint())
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
func (f *Follower) LastContact() time.Time {
	var oldest time.Time
	for i, s := range f.chains() {
		s.mu.Lock()
		contact := s.contact
		s.mu.Unlock()
		if i == 0 || contact.Before(oldest) {
			oldest = contact
		}
	}
	return oldest
}
