package audit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/store"
)

// Restored audits a state that came from a snapshot while it is in use: what each chain's
// blocks come to is made again in a store beside it, record by record and signature by
// signature, and has to be what the snapshot brought. Memory is bounded, by some 100 MiB; the
// store beside takes as much of the disk as the state does, and what the state drops
// meanwhile stays until the end. It is removed then. Where the audit is cut short it goes on
// from the blocks that it has, if these are still those of the chain.
type Restored struct {
	Store   *store.Store
	Dir     string // for what lies beside; it belongs to the audit alone
	Workers int    // goroutines that verify
	Logger  *slog.Logger
	// Fatal is called when what lies beside turns out damaged, or cannot be written, as
	// store.Config says.
	Fatal func(error)
}

const (
	// restoredBlocks and restoredBytes bound the blocks that are in memory.
	restoredBlocks = 512
	restoredBytes  = 8 << 20

	// restoredLayer, restoredCache and restoredFilter are the memory of each store
	// beside: an audit may take a while longer for less of it.
	restoredLayer  = 8 << 20
	restoredCache  = 16 << 20
	restoredFilter = 4 << 20
	mostRestored   = 16 << 20 // that of its filter

	// signatureBatch is how many signatures are verified together, see attest.
	signatureBatch = 2048
)

// Told is called now and then with how far the audit of a chain is.
type Told func(token string, blocks, of uint64)

// endingFile stands in the folder while the books of the last block are being closed, and
// where these turned out damaged: no block can be added to them any more.
const endingFile = "ENDING"

// Run does it. bad has the chains that are not what they are said to be, by their tokens,
// with errors that wrap chain.ErrInvalid; err is why the audit could not be done, or what is
// wrong with the state and with none of its chains.
func (r *Restored) Run(ctx context.Context, told Told) (bad map[string]error, err error) {
	if ending, err := durable.Exists(filepath.Join(r.Dir, endingFile)); err != nil {
		return nil, err
	} else if ending {
		if err := durable.RemoveAll(r.Dir); err != nil {
			return nil, err
		}
	}
	kept, err := r.keep(ctx)
	if err != nil {
		return nil, err
	}
	bad = map[string]error{}
	if err = kept.OfNoChain(); err == nil {
		err = r.replay(ctx, kept, bad, told)
	}
	if err == nil {
		err = r.compare(kept, bad)
	}
	if err = errors.Join(err, kept.Close()); err != nil {
		return nil, errors.Join(err, durable.RemoveAll(r.path("kept"))) // what was made stays
	}
	return bad, durable.RemoveAll(r.Dir)
}

func (r *Restored) path(name string) string { return filepath.Join(r.Dir, name) }

func (r *Restored) open(name string, readOnly bool) (*store.Store, error) {
	return store.Open(store.Config{Dir: r.path(name), LayerBytes: restoredLayer, CacheBytes: restoredCache, FilterBytes: restoredFilter,
		MaxFilterBytes: mostRestored, ReadOnly: readOnly, Logger: r.Logger, Fatal: r.fatal})
}

// fatal is Fatal, and what is damaged is not gone on from: all of it can be made anew.
func (r *Restored) fatal(err error) {
	if errors.Is(err, store.ErrDamaged) {
		err = errors.Join(err, durable.WriteFile(r.path(endingFile), nil, 0o600))
	}
	if r.Fatal == nil {
		panic(err)
	}
	r.Fatal(err)
}

// keep is the state as it is now, which nobody changes: links to its files.
func (r *Restored) keep(ctx context.Context) (kept *store.Store, err error) {
	if err := durable.MkdirAll(r.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := durable.RemoveAll(r.path("kept")); err != nil { // of one that was cut short
		return nil, err
	}
	if err := durable.MkdirAll(r.path("kept"), 0o700); err != nil {
		return nil, err
	}
	taken := r.path("kept/snapshot")
	if err := r.Store.Snapshot(ctx, taken); err != nil {
		return nil, err
	}
	if kept, err = r.open("kept/state", false); err != nil {
		return nil, err
	}
	if err = kept.Restore(taken); err == nil {
		err = durable.RemoveAll(taken)
	}
	if err != nil {
		return nil, errors.Join(err, kept.Close())
	}
	return kept, nil
}

// replay makes the state beside of the blocks that were kept and of what is pending.
func (r *Restored) replay(ctx context.Context, kept *store.Store, bad map[string]error, told Told) (err error) {
	made, err := r.begun(kept)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.Close()) }()
	adopter := fsm.NewAdopter(made)
	for _, info := range kept.Contracts() {
		token := info.Contract.Token
		err := r.adopt(ctx, kept, made, adopter, &info, told)
		if err = chainsOwn(err, token, bad); err != nil {
			return err
		}
	}
	if err := durable.WriteFile(r.path(endingFile), nil, 0o600); err != nil {
		return err
	}
	for _, info := range kept.Contracts() {
		token := info.Contract.Token
		if bad[token] != nil {
			continue
		}
		pending, err := kept.Pending(token)
		if err == nil {
			err = adopter.TakePending(token, pending)
		}
		if err = chainsOwn(err, token, bad); err != nil {
			return err
		}
	}
	return nil
}

// chainsOwn keeps what is wrong with a chain, and returns what is not its own fault.
func chainsOwn(err error, token string, bad map[string]error) error {
	if errors.Is(err, chain.ErrInvalid) {
		bad[token] = err
		return nil
	}
	return err
}

// begun is what an audit that was cut short has made, if that is still of these chains.
func (r *Restored) begun(kept *store.Store) (*store.Store, error) {
	made, err := r.open("made", false)
	if errors.Is(err, store.ErrDamaged) {
		r.Logger.Warn("what an audit that was cut short has left is damaged, and made anew", "error", err)
		if err := durable.RemoveAll(r.path("made")); err != nil {
			return nil, err
		}
		made, err = r.open("made", false)
	}
	if err != nil {
		return nil, err
	}
	for _, m := range made.Contracts() {
		k, err := kept.Contract(m.Contract.Token)
		same := err == nil && k.ID == m.ID && m.Length <= k.Length
		if same {
			_, hash, err := kept.Block(m.Contract.Token, m.Length)
			if err != nil {
				return nil, errors.Join(err, made.Close())
			}
			same = hash == m.Tip
		}
		if !same {
			if err := errors.Join(made.Close(), durable.RemoveAll(r.path("made"))); err != nil {
				return nil, err
			}
			return r.open("made", false)
		}
	}
	return made, nil
}

// adopt adds the blocks of one chain that are not there yet.
func (r *Restored) adopt(ctx context.Context, kept, made *store.Store, adopter *fsm.Adopter, info *chain.Info, told Told) error {
	token, length := info.Contract.Token, uint64(0)
	if m, err := made.Contract(token); err == nil {
		length = m.Length
	}
	for length < info.Length {
		if err := ctx.Err(); err != nil {
			return err
		}
		told(token, length, info.Length)
		blocks, err := r.check(kept, info, length+1)
		if err != nil {
			return err
		}
		n, err := adopter.Adopt(token, blocks)
		if err != nil {
			return err
		}
		length += uint64(n)
	}
	told(token, length, info.Length)
	return nil
}

// check reads some blocks and checks each by itself, and all their signatures.
func (r *Restored) check(kept *store.Store, info *chain.Info, from uint64) ([]chain.Checked, error) {
	var texts [][]byte
	size := 0
	err := kept.Blocks(info.Contract.Token, from, restoredBlocks, func(_ uint64, canonical []byte) error {
		texts = append(texts, canonical)
		if size += len(canonical); size >= restoredBytes {
			return errEnough
		}
		return nil
	})
	if err != nil && !errors.Is(err, errEnough) {
		return nil, err
	}
	checked, claims := make([]chain.Checked, len(texts)), make([][]chain.Claim, len(texts))
	var group errgroup.Group
	group.SetLimit(r.Workers)
	for i, canonical := range texts {
		group.Go(func() (err error) {
			contract, id := &info.Contract, info.ID
			if from+uint64(i) == 1 {
				contract, id = nil, chain.Hash{} // it says so itself
			}
			checked[i], claims[i], err = chain.CheckClaims(canonical, contract, id)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return checked, r.verify(checked, claims)
}

func (r *Restored) verify(checked []chain.Checked, claims [][]chain.Claim) error {
	var batch []chain.Signed
	for _, of := range claims {
		for i := range of {
			batch = append(batch, of[i].Signed)
		}
	}
	good := make([]bool, len(batch))
	var group errgroup.Group
	group.SetLimit(r.Workers)
	for from := 0; from < len(batch); from += signatureBatch {
		end := min(from+signatureBatch, len(batch))
		group.Go(func() error {
			copy(good[from:end], chain.VerifyBatch(batch[from:end]))
			return nil
		})
	}
	_ = group.Wait() // good says which
	for i, of := range claims {
		for j := range of {
			if !good[j] {
				return of[j].NotSigned(checked[i].Block.Index)
			}
		}
		good = good[len(of):]
	}
	return nil
}

// compare holds what was kept against what was made.
func (r *Restored) compare(kept *store.Store, bad map[string]error) (err error) {
	made, err := r.open("made", true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, made.Close()) }()
	for _, info := range kept.Contracts() {
		token := info.Contract.Token
		if bad[token] != nil {
			continue
		}
		if err := chainsOwn(fsm.SameState(kept, made, token), token, bad); err != nil {
			return fmt.Errorf("%s: %w", token, err)
		}
	}
	return nil
}
