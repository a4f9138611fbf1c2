// Package api serves a node over HTTP: the tutorial's paths at the root and
// everything else under /v1. It refuses what can be refused without the ledger
// and answers reads from a [Reader]. Writes go to a [Writer] on a member of the
// cluster, to a [Relay] on a follower, which is a node outside of it.
package api

import (
	"context"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// Writer orders writes. Its errors are a chain.Code or wrap one of this
// package's; anything else is answered as an internal error.
type Writer interface {
	// Submit orders transactions of one contract, in their order, and returns
	// one outcome for each. It must not keep txs once it has returned.
	Submit(ctx context.Context, token string, txs []chain.Transaction) []chain.Outcome
	// Produce forges the next block of a contract, an empty one too.
	Produce(ctx context.Context, token string) (chain.Produced, error)
	// CreateContract begins a chain. A member that has applied the index knows
	// the contract.
	CreateContract(ctx context.Context, c chain.Contract) (appliedIndex uint64, err error)
	// RegisterNodes adds host:port addresses for the network that asks. A member
	// that has applied the index lists them.
	RegisterNodes(ctx context.Context, nodes []string, from string) (appliedIndex uint64, err error)
	// RemoveNode takes one off the list, or fails with chain.NotFound.
	RemoveNode(ctx context.Context, node string) (appliedIndex uint64, err error)
}

// Reader is the state that this node has: a member's replica, or the copy that a
// follower has verified.
type Reader interface {
	// DefaultToken is the first contract created; false while there is none.
	DefaultToken() (string, bool)
	// Contracts lists all contracts in the order of their creation.
	Contracts() []chain.Info
	// Contract fails with chain.ContractUnknown.
	Contract(token string) (chain.Info, error)
	// Block fails with chain.NotFound or chain.ContractUnknown.
	Block(token string, index uint64) (canonical []byte, hash chain.Hash, err error)
	// Blocks calls yield for those of the blocks from…from+limit-1 that exist,
	// oldest first. limit 0 is all up to the tip at the time of the call. Who
	// gets the bytes may keep them; an error of yield ends the call.
	Blocks(token string, from, limit uint64, yield func(index uint64, canonical []byte) error) error
	// Account is the zero value, without an error, for a name never used.
	Account(token, name string) (chain.Account, error)
	// Transaction fails with chain.NotFound or chain.ContractUnknown.
	Transaction(token string, id chain.ID) (chain.Outcome, error)
	// History returns the records that name an account, a page at a time.
	// Bad cursors, kinds and directions fail with chain.InvalidField, cursors of
	// what is not here with chain.ErrBeyond.
	History(token, account string, q chain.HistoryQuery) (chain.HistoryPage, error)
	// Hold fails with chain.NotFound or chain.ContractUnknown.
	Hold(token string, id chain.ID) (chain.HoldState, error)
	// OpenHolds lists the undecided holds of an account, a page at a time. After
	// a hold that is not here it fails with chain.ErrBeyond.
	OpenHolds(token string, q chain.HoldQuery) (chain.HoldPage, error)
	// Nodes lists at most limit of the nodes registered here, sorted, that come
	// after one, and says how many there are.
	Nodes(after string, limit int) (page []string, count int)
	// AppliedIndex is the log index this replica stands at. A follower has no log
	// and is not asked.
	AppliedIndex() uint64
	// Time is a time, in unix microseconds, before which nothing will be decided
	// in that chain any more that is not to be read here yet: a member's machine
	// time; for a follower, whose chains lag each in its own way, the timestamp
	// of the newest block it has.
	Time(token string) int64
	// WaitBlock returns once the block exists here, or with ctx's error.
	WaitBlock(ctx context.Context, token string, index uint64) error
}

// Member is what the API asks of the cluster.
type Member interface {
	// Barrier returns once this replica has applied all that was acknowledged
	// anywhere before the call.
	Barrier(ctx context.Context) error
	// WaitApplied returns once this replica has applied the index.
	WaitApplied(ctx context.Context, index uint64) error
	// Ready says why this member should get no requests now.
	Ready() error
	// LastContact is the time since this member last heard the leader; 0 on
	// the leader itself.
	LastContact() time.Duration
	// Leader is the member known to lead.
	Leader() (id string, ok bool)
	// Now is the time, in unix microseconds, that the next entry would carry;
	// false while this member cannot tell.
	Now() (micros int64, ok bool)
	// IsLeader tells whether it is this one.
	IsLeader() bool
	// Cluster is how every member is, as far as this one has heard. It asks none
	// of them: anybody may call it as often as they like.
	Cluster() ClusterStatus
}

// ClusterStatus is how the cluster looks from one member.
type ClusterStatus struct {
	ID      string         `json:"id"`     // of the member that answers
	Leader  string         `json:"leader"` // empty when none is known
	Term    uint64         `json:"term"`
	Version string         `json:"version,omitempty"` // set by this package
	Members []MemberStatus `json:"members"`
}

// MemberStatus is one member as it described itself.
type MemberStatus struct {
	ID            string `json:"id"`
	Raft          string `json:"raft"` // host:port of its Raft transport
	API           string `json:"api"`  // URL of its API
	Role          string `json:"role"` // leader, follower, candidate, unreachable
	Term          uint64 `json:"term"`
	Applied       uint64 `json:"applied"`
	Commit        uint64 `json:"commit"`
	Last          uint64 `json:"last"`            // last entry of its log
	Lag           uint64 `json:"lag"`             // entries it has to apply to reach the leader
	LastContactMS int64  `json:"last_contact_ms"` // since it last heard the leader
	ClockOffsetMS int64  `json:"clock_offset_ms"` // its clock minus that of a majority

	Unfit []string `json:"unfit,omitempty"` // why it must not lead, if so

	Ready      bool   `json:"ready"`                 // it can serve
	NotReady   string `json:"not_ready,omitempty"`   // why it cannot
	Signing    bool   `json:"signing"`               // it signs the chains that it holds
	NotSigning string `json:"not_signing,omitempty"` // why it does not
}

// Evidence is what a node can prove of its chains to whoever knows the keys of
// the members alone. Errors are chain.ContractUnknown, chain.NotFound while
// there is nothing to show yet, or those of package proof.
type Evidence interface {
	// Checkpoint is the newest signed note over the log of headers of a chain
	// that as many members signed as its policy asks for.
	Checkpoint(token string) (note []byte, err error)
	// WaitCheckpoint returns once Checkpoint covers so many blocks, or with
	// ctx's error.
	WaitCheckpoint(ctx context.Context, token string, size uint64) error
	// Policy is the text that says whose signatures count for a chain
	// (proof.ParsePolicy), as this node knows it. Who verifies gets it from
	// somebody it trusts. A member says the same for all chains, and where
	// there is none yet, token "".
	Policy(token string) (text []byte, err error)
	// LogHashes reads the nodes of a chain's log of headers.
	LogHashes(token string) tlog.HashReader
}
