// Package audit verifies a whole chain, wherever it is kept: served by a member
// or a follower (Server), in an export (File), or in the folder of a node that
// has stopped (Folder). It also is the format of exports.
//
// What Verify proves of the blocks, when it finds nothing:
//
//   - Each has its one canonical form, the hash that the next one names, the
//     Merkle roots of its records, and in a signed contract good signatures under
//     ids that stand once.
//   - The rules of the contract in the first block, applied again to each
//     transaction in the state that the records before it leave, come to exactly
//     these records, fees, refunds, totals and moments of production. No token
//     came out of nothing.
//   - With a checkpoint: the log of the blocks' headers has its root. With
//     policies: as many members and witnesses as that of its size asks for signed it.
//   - Of a folder also: the accounts, holds, counters and the log of headers that
//     are stored beside the blocks are what the blocks come to.
//
// What it does not prove: that blocks behind the checkpoint are final; without a
// policy, that any member signed anything; without a policy that names the chain,
// that this is the chain somebody means, and not one made up whole; and never that
// the signers signed no other history: package proof has the evidence of that.
package audit

import (
	"context"
	"errors"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store"
)

// Source is one chain, wherever it is kept.
type Source interface {
	// Chain is what is known of the chain before its blocks are read. It is
	// called once, before Blocks.
	Chain(ctx context.Context) (Chain, error)
	// Blocks calls block for each block, from the first to the newest, and stops
	// at its first error. The canonical bytes are valid during the call. Of a
	// chain that is sealed it returns the checkpoint.
	Blocks(ctx context.Context, block func(canonical []byte) error) (note []byte, err error)
}

// judge is a Source that knows more about what is found in it.
type judge interface{ Judge(found error) error }

// Chain is what a source knows of its chain before it reads the blocks.
type Chain struct {
	Token  string // of the contract whose chain it has to be; "" for any
	Length uint64 // blocks, to show progress by; 0 when unknown
	// Notes are the checkpoints there are, the newest first. One of them is
	// chosen: the first that the policy takes, or without one that with the most
	// signatures.
	Notes [][]byte
	// Sealed: the checkpoint comes behind the blocks, and is of exactly these.
	Sealed bool
	// Stored is what a node keeps beside the blocks, and has not been written to
	// since it was opened; nil for nothing.
	Stored *store.Store
}

// Options are how a chain is verified. The zero value will do.
type Options struct {
	Policies *proof.History // demand a checkpoint, signed as the policy of its size says; nil: signatures are not judged
	Progress func(Progress) // called after each block, by the goroutine that called Verify
}

// Progress is how far the work on a chain is.
type Progress struct {
	Token  string
	Blocks uint64
	Total  uint64 // 0 when unknown
}

// Report is what a chain came to.
type Report struct {
	Token      string
	ChainID    chain.Hash
	Blocks     uint64 // that are good
	Records    uint64 // in them
	Tip        chain.Hash
	Checks     []string    // names of those that were made
	Checkpoint *Checkpoint // the one whose root the blocks have
	Recoveries []Recovery  // the first of them, in the order of the chain: see Recovered
	Recovered  int         // how many there are
	Found      *Finding    // nil: nothing is wrong
}

// Recovery is a record that says that the cluster had lost its majority, and that
// somebody went on without it. It is nothing wrong with the chain: that the blocks
// before it are all that there were is for whoever was there to say.
type Recovery struct {
	Block         uint64
	By, Reason    string // in the words of who did it
	Before, After string // identities of the members, with commas between
}

// maxRecoveries bounds those in a report: there should be none.
const maxRecoveries = 100

// Finding is the first thing that is wrong with a chain. It wraps
// chain.ErrInvalid, and most often a code that says more.
type Finding struct {
	Check  string // name of the one that found it
	Block  uint64 // place in the chain, from 1; 0 where it is not one block's
	Record int    // position in the block, from 0; -1 where it is not one record's
	Reason error
}

func (f *Finding) Error() string { return f.Reason.Error() }

func (f *Finding) Unwrap() error { return f.Reason }

// Verify verifies the chain of a source. It holds one block, and all accounts
// and ids of the chain, in memory. The error is report.Found where the chain does
// not verify; any other says that the source cannot be read, and nothing about
// the chain.
func Verify(ctx context.Context, source Source, o Options) (Report, error) {
	r := &run{Options: o}
	err := r.all(ctx, source)
	if j, is := source.(judge); is && err != nil {
		err = j.Judge(err)
	}
	report := r.report()
	if !errors.Is(err, chain.ErrInvalid) {
		return report, err
	}
	report.Found = &Finding{Check: r.check, Block: r.block, Record: -1, Reason: err}
	var record *chain.RecordError
	if errors.As(err, &record) {
		report.Found.Record = record.Position
	}
	return report, report.Found
}

// run is one verification.
type run struct {
	Options
	chain   Chain
	rules   *rules
	headers *headers
	checks  []check
	check   string // name of the one at work
	block   uint64 // which it looks at; 0: none
}

func (r *run) all(ctx context.Context, source Source) (err error) {
	r.check = CheckBlocks
	if r.chain, err = source.Chain(ctx); err != nil {
		return err
	}
	r.arrange()
	if !r.chain.Sealed {
		if err := r.hold(r.chain.Notes); err != nil {
			return err
		}
	}
	note, err := source.Blocks(ctx, func(canonical []byte) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return r.next(canonical)
	})
	if err != nil {
		return err
	}
	if r.block = 0; r.chain.Sealed {
		if err := r.hold([][]byte{note}); err != nil {
			return err
		}
	}
	for _, c := range r.checks {
		if r.check = c.name; c.end == nil {
			continue
		}
		if err := c.end(); err != nil {
			return err
		}
	}
	return nil
}

// hold chooses the checkpoint to hold the blocks against.
func (r *run) hold(notes [][]byte) (err error) {
	r.check = CheckCheckpoint
	r.headers.claim, err = choose(notes, r.Policies)
	return err
}

func (r *run) next(canonical []byte) error {
	r.block = r.rules.Verifier.Length() + 1
	b := block{canonical: canonical}
	for _, c := range r.checks {
		if r.check = c.name; c.next == nil {
			continue
		}
		if err := c.next(&b); err != nil {
			return err
		}
	}
	if r.Progress != nil {
		r.Progress(Progress{r.rules.Verifier.Contract.Token, b.Index, r.chain.Length})
	}
	return nil
}

func (r *run) report() (report Report) {
	if r.rules == nil {
		return report
	}
	v := &r.rules.Verifier
	report = Report{Token: v.Contract.Token, ChainID: r.rules.chainID, Blocks: v.Length(), Records: r.rules.Records, Tip: v.Tip()}
	report.Recoveries, report.Recovered = r.rules.recoveries, r.rules.recovered
	for _, c := range r.checks {
		report.Checks = append(report.Checks, c.name)
	}
	if r.headers.held {
		report.Checkpoint = r.headers.claim
	}
	return report
}

// Invalid makes an error a verdict: one that wraps chain.ErrInvalid.
func Invalid(err error) error {
	if err == nil || errors.Is(err, chain.ErrInvalid) {
		return err
	}
	return invalid("%w", err)
}
