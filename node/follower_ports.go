package node

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/follower/personal"
	"github.com/bpsc/bpsc/store"
)

// copies is a follower's store as the API reads it.
type copies struct {
	*store.Store
	follower  *chainsync.Syncer
	directory *directory
}

// DefaultToken is the one of the first upstream, whichever chain came first.
func (c copies) DefaultToken() (string, bool) { return c.follower.DefaultToken() }

// Contracts are those that are followed.
func (c copies) Contracts() []chain.Info {
	return slices.DeleteFunc(c.Store.Contracts(), func(info chain.Info) bool { return !c.follower.Follows(info.Contract.Token) })
}

// Contract is one that is followed: what was trusted once is not served when it
// is not any more.
func (c copies) Contract(token string) (chain.Info, error) {
	if !c.follower.Follows(token) {
		return chain.Info{}, fmt.Errorf("%w: %q is not followed", chain.ContractUnknown, token)
	}
	return c.Store.Contract(token)
}

// Nodes is this node's own directory.
func (c copies) Nodes(after string, limit int) ([]string, int) {
	return c.directory.Nodes(after, limit)
}

// Time is that of the newest block: the chains of one store need not be
// equally far.
func (c copies) Time(token string) chain.Micros {
	info, err := c.Contract(token)
	if err != nil {
		return 0
	}
	return info.TipTimestamp
}

// followerStatus is a follower as the API sees it.
type followerStatus struct {
	*chainsync.Syncer
	*directory
	began time.Time
}

// LastContact counts from the start while no upstream has been heard.
func (s followerStatus) LastContact() time.Duration {
	if at := s.Syncer.LastContact(); !at.IsZero() {
		return time.Since(at)
	}
	return time.Since(s.began)
}

// Sync is the follower's status in the API's words.
func (s followerStatus) Sync() (status api.SyncStatus) {
	for _, c := range s.Status() {
		chain := api.ChainSync{Contract: c.Token, Length: c.Length, Upstream: c.UpstreamLength, Synced: c.Synced,
			Contact: timeOrNil(c.LastContact), Evidence: c.Evidence, Refusals: map[string]uint64{},
			Policy: string(c.Policy), Checkpoint: c.CheckpointSize, Signers: c.Signers}
		if !c.ChainID.IsZero() {
			chain.ChainID = c.ChainID.String()
		}
		for reason, count := range c.Refusals {
			chain.Refusals[string(reason)] = count
		}
		for _, u := range c.Upstreams {
			up := api.UpstreamSync{URL: u.URL, Current: u.Current, Length: u.Length, SetAside: timeOrNil(u.Aside)}
			if r := u.Refused; r.Reason != "" {
				up.Refused = &api.Refusal{Reason: string(r.Reason), Detail: r.Detail, At: r.At}
			}
			chain.Upstreams = append(chain.Upstreams, up)
		}
		status.Chains = append(status.Chains, chain)
	}
	for _, h := range s.Hidden() {
		status.Hidden = append(status.Hidden, api.HiddenChain{Contract: h.Token, ChainID: h.ChainID.String(), Upstreams: h.Upstreams, Served: h.Served.String()})
	}
	return status
}

func timeOrNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// copiedEvidence is what a follower can prove: the log of what it has stored, and the
// signatures over it that it has verified.
type copiedEvidence struct {
	*chainsync.Syncer
	store *store.Store
}

// LogHashes is the store's.
func (e copiedEvidence) LogHashes(token string) tlog.HashReader { return e.store.LogHashes(token) }

// ownChain is the personal chain as the API sees it.
type ownChain struct{ *personal.Chain }

// Forge makes the next block.
func (c ownChain) Forge() (api.PersonalBlock, error) {
	b, err := c.Chain.Forge()
	return api.PersonalBlock{Index: b.Index, Information: b.Information, PreviousHash: b.PreviousHash}, err
}
