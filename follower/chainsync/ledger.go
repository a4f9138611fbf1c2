package chainsync

import (
	"context"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// Ledger keeps the chains. It is asked by many goroutines; Adopt for one chain
// by one at a time.
type Ledger interface {
	// Contract says where a chain stands; chain.ContractUnknown when there is none.
	Contract(token string) (chain.Info, error)
	// Block returns the canonical bytes of a block and their hash.
	Block(token string, index uint64) ([]byte, chain.Hash, error)
	// Adopt takes the next blocks of a chain, which have been checked one by
	// one, after checking them against all before. It returns how many it
	// took. An error that wraps chain.ErrInvalid is about the first one not
	// taken; any other is final.
	Adopt(token string, blocks []chain.Checked) (adopted int, err error)
	// LogHashes reads the nodes of the log of headers of the blocks adopted.
	LogHashes(token string) tlog.HashReader
	// Sync returns once all that was adopted survives a loss of power. An
	// error is final.
	Sync(ctx context.Context) error
}

// storeLedger is a store and what adopts blocks into it.
type storeLedger struct {
	*store.Store
	*fsm.Adopter
}

// StoreLedger keeps the chains in s, in which nobody else may write.
func StoreLedger(s *store.Store) Ledger { return storeLedger{s, fsm.NewAdopter(s)} }
