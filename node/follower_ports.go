package node

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/follower/personal"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/diskspace"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// copies is a follower's store as the API reads it.
type copies struct {
	*store.Store
	follower  *chainsync.Syncer
	directory *folder.Directory
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

// AccountAt is by the ledger's rules.
func (c copies) AccountAt(token, name string, block uint64) (chain.Account, error) {
	return fsm.AccountAt(c.Store, token, name, block)
}

// followerStatus is a follower as the API sees it.
type followerStatus struct {
	*chainsync.Syncer
	*folder.Directory
	fence   *diskspace.Fence
	began   time.Time
	version string
}

// Ready adds that there is room to follow.
func (s followerStatus) Ready() error { return cmp.Or(s.fence.Err(), s.Syncer.Ready()) }

// Register adds nodes while there is room for them.
func (s followerStatus) Register(nodes []string, from string) error {
	if err := s.fence.Err(); err != nil {
		return err
	}
	return s.Directory.Register(nodes, from)
}

// LastContact counts from the start while no upstream has been heard.
func (s followerStatus) LastContact() time.Duration {
	if at := s.Syncer.LastContact(); !at.IsZero() {
		return time.Since(at)
	}
	return time.Since(s.began)
}

// Sync is the follower's report, with what it is itself.
func (s followerStatus) Sync() any {
	r := s.Report()
	r.Version = s.version
	return r
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
type ownChain struct {
	*personal.Chain
	fence *diskspace.Fence
}

// Add adds information while there is room.
func (c ownChain) Add(information []byte) (block uint64, err error) {
	if err := c.fence.Err(); err != nil {
		return 0, err
	}
	return c.Chain.Add(information)
}

// Forge makes the next block.
func (c ownChain) Forge() (api.PersonalBlock, error) {
	if err := c.fence.Err(); err != nil {
		return api.PersonalBlock{}, err
	}
	b, err := c.Chain.Forge()
	return api.PersonalBlock{Index: b.Index, Information: b.Information, PreviousHash: b.PreviousHash}, err
}
