package attest

import (
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// word is what a member's state comes to at some size.
type word struct {
	root, digest chain.Hash
}

// compare holds what this member's state is against what the others say of
// theirs: ErrDiverged if a majority of members has another. It goes by the
// state and not by what this member has said, for that may have been repaired
// since.
func (w *watcher) compare(said []chain.Attestation) error {
	type theirs struct {
		word
		size uint64
	}
	mine, others := map[uint64]word{}, map[theirs]int{}
	for _, s := range said {
		if s.Member == w.cfg.Member || !w.isMember(s.Member) {
			continue
		}
		own, err := w.wordAt(s.Size)
		if err != nil {
			return err
		}
		mine[s.Size] = own
		other := theirs{word{s.Root, s.Digest}, s.Size}
		if own == other.word {
			continue
		}
		if others[other]++; others[other] >= w.cfg.Quorum.Majority {
			return fmt.Errorf("%w: after block %d of %s: %d members have root %s and state %s, this one root %s and state %s",
				ErrDiverged, s.Size, w.token, others[other], s.Root, s.Digest, own.root, own.digest)
		}
		if !w.doubted {
			w.doubted = true // no majority may be left to tell who is right
			w.cfg.Logger.Warn("another member's state is not this one's", "contract", w.token, "member", s.Member, "size", s.Size,
				"root", s.Root, "state", s.Digest, "own_root", own.root, "own_state", own.digest)
		}
	}
	w.words = mine
	return nil
}

func (w *watcher) isMember(id string) bool { return slices.Contains(w.cfg.Quorum.Members, id) }

// wordAt reads what this member's own state came to at a size.
func (w *watcher) wordAt(size uint64) (word, error) {
	if known, ok := w.words[size]; ok {
		return known, nil
	}
	root, err := tlog.TreeHash(int64(size), w.state.LogHashes(w.token))
	if err != nil {
		return word{}, err
	}
	digest, err := w.state.Digest(w.token, size)
	if errors.Is(err, chain.NotFound) {
		err = nil // nobody keeps it; so says the zero digest
	}
	return word{chain.Hash(root), digest}, err
}
