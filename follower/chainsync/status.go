package chainsync

import (
	"fmt"
	"maps"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Report is how a node keeps up, in the form in which it tells others.
type Report struct {
	Version string        `json:"version,omitempty"` // of the node; set by whoever knows it
	Chains  []ChainStatus `json:"chains"`
	// Contracts of an upstream that are not served, since another ledger's of
	// the same name is.
	Hidden []Hidden `json:"hidden,omitempty"`
}

// ChainStatus says how one chain is followed.
type ChainStatus struct {
	Token          string            `json:"contract"`
	ChainID        chain.Hash        `json:"chain_id,omitzero"`     // zero: no genesis block yet
	Length         uint64            `json:"length"`                // blocks that this node has, all verified
	UpstreamLength uint64            `json:"upstream_length"`       // and its upstream, as last seen
	Lag            uint64            `json:"lag"`                   // blocks that are missing here
	Behind         time.Time         `json:"behind,omitzero"`       // since when some are missing here; zero: none are
	Synced         bool              `json:"synced"`                // this node had as many as its upstream, once
	LastContact    time.Time         `json:"last_contact,omitzero"` // when an upstream last answered well; zero: never
	Upstreams      []UpstreamStatus  `json:"upstreams"`
	Refusals       map[Reason]uint64 `json:"refusals,omitempty"` // answers that were not taken since the start
	Evidence       []string          `json:"evidence,omitempty"` // names of files in Config.Evidence
	CheckpointSize uint64            `json:"checkpoint_size"`    // blocks that the newest verified checkpoint covers; 0: there is none
	Signers        []string          `json:"signers,omitempty"`  // who signed it
	Policy         PolicySource      `json:"policy,omitempty"`   // who says whose signatures count
	PolicyNumber   int               `json:"policy_number,omitempty"`
	Recovery       *Recovery         `json:"recovery,omitempty"` // nothing after it is taken until somebody accepts it
}

// UpstreamStatus says how it stands with one upstream of a chain.
type UpstreamStatus struct {
	URL     string    `json:"url"`
	Current bool      `json:"current"`                  // it is the one that is asked
	Length  uint64    `json:"length"`                   // of its chain, as it said last
	Aside   time.Time `json:"set_aside_until,omitzero"` // it is not asked before; zero: it may be asked
	Refused Refusal   `json:"refused,omitzero"`         // the last one
}

// Report is what Status and Hidden say.
func (s *Syncer) Report() Report { return Report{Chains: s.Status(), Hidden: s.Hidden()} }

// Status says how each chain is followed, in the order in which they were
// found.
func (s *Syncer) Status() []ChainStatus {
	names, err := s.evidence.list()
	if err != nil {
		s.cfg.Logger.Error("evidence cannot be listed", "error", err)
	}
	list := []ChainStatus{} // in JSON a list, never null
	for _, t := range s.chains() {
		h := t.writer.head()
		status := ChainStatus{Token: t.token, ChainID: h.id, Length: h.length}
		t.peers.status(&status)
		status.Lag = max(status.UpstreamLength, h.length) - h.length
		if policies, source := t.checkpoints.signedBy(); policies != nil {
			status.Policy, status.PolicyNumber = source, policies.Number()
		}
		status.Recovery = t.checkpoints.stopped()
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
	c.UpstreamLength, c.Behind, c.Synced = ps.length, ps.missing.since(), ps.synced
	c.LastContact, c.Refusals = ps.contact, maps.Clone(ps.refusals)
	c.Upstreams = []UpstreamStatus{}
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
		if r := c.Recovery; r != nil {
			return fmt.Errorf("%w: %s: after block %d %s went on with %v of %v (%s); --accept-recovery %s goes on too, once you know why",
				proof.ErrRecovery, c.Token, r.Size, r.By, r.After, r.Before, r.Reason, r.Handover)
		}
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
