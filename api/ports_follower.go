package api

import (
	"context"
	"net/http"
	"time"
)

// Node is what the API asks of a node outside the cluster.
type Node interface {
	// Ready says why this node should get no requests now.
	Ready() error
	// LastContact is the time since an upstream last answered.
	LastContact() time.Duration
	// Pull returns once this node has of the chain what an upstream has. It fails
	// with ErrNoUpstream when none answers, with chain.ErrInvalid when what one
	// sends does not verify.
	Pull(ctx context.Context, token string) error
	// Look returns nil when no upstream has a contract of that token that this
	// node does not have; an error is why it may be here in a moment.
	Look(ctx context.Context, token string) error
	// Register adds host:port addresses to this node's own directory, for the
	// network that asks. Nothing is ever sent to them.
	Register(nodes []string, from string) error
	// Remove takes one off it, or fails with chain.NotFound.
	Remove(node string) error
	// Sync tells how this node keeps up.
	Sync() SyncStatus
}

// Personal is the node's own chain. Its errors wrap one of this package's, or
// of pyjson's when the information itself is at fault.
type Personal interface {
	// Add puts information, which is any JSON text, into the next block. It must
	// not keep the bytes. ErrPersonalFull means that the block takes no more.
	Add(information []byte) (block uint64, err error)
	// Forge makes the next block, an empty one too.
	Forge() (PersonalBlock, error)
	// Length counts the blocks.
	Length() uint64
	// Blocks is as that of Reader.
	Blocks(from, limit uint64, yield func(index uint64, canonical []byte) error) error
}

// PersonalBlock is what the tutorial tells about a new block.
type PersonalBlock struct {
	Index        uint64
	Information  []byte // a JSON array
	PreviousHash string
}

// Relay hands a write to the BPSC: to a member, or to a follower that is nearer
// to one. An error means that there is no answer: ErrNoUpstream or ErrQueueFull
// if nobody took the write, ErrRelayLoop if it has come by here before,
// UnknownOutcome if it may have been applied. A problem that a member answers
// with is an answer.
type Relay interface {
	Do(ctx context.Context, q RelayRequest) (RelayAnswer, error)
}

// RelayRequest is a write as it came, but for its contract, and the relay's to
// keep.
type RelayRequest struct {
	Read       bool   // a GET, which changes nothing
	Token      string // of its contract
	Chain      string // the id of its chain
	Signed     bool   // the contract is one
	Repeatable bool   // sending it twice as it stands does what once does
	Path       string // escaped, as in a URL
	RawQuery   string // names the contract: upstream's default may be another
	Header     http.Header
	Body       []byte
}

// RelayAnswer is an answer as it came.
type RelayAnswer struct {
	Status int
	Header http.Header
	Body   []byte
}
