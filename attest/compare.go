package attest

import (
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
)

// fingerprint is what a member's state comes to at some size.
type fingerprint struct {
	root, digest chain.Hash
}

// compare holds what this member's state is against what the others attest
// of theirs: ErrDiverged if a majority of members has another. It goes by the state
// and not by what this member has attested, for that may have been repaired since.
func (w *watcher) compare(attestations []chain.Attestation) error {
	type theirs struct {
		fingerprint
		size uint64
	}
	mine, others := map[uint64]fingerprint{}, map[theirs]int{}
	for _, a := range attestations {
		if a.Member == w.cfg.Member || !w.counts(a) {
			continue
		}
		own, err := w.fingerprintAt(a.Size)
		if err != nil {
			return err
		}
		mine[a.Size] = own
		other := theirs{fingerprint{a.Root, a.Digest}, a.Size}
		if own == other.fingerprint {
			continue
		}
		if others[other]++; others[other] >= w.quorum(a.Size).Majority {
			return fmt.Errorf("%w: after block %d of %s: %d members have root %s and state %s, this one root %s and state %s",
				ErrDiverged, a.Size, w.token, others[other], a.Root, a.Digest, own.root, own.digest)
		}
		if !w.differs {
			w.differs = true // no majority may be left to tell who is right
			w.cfg.Logger.Warn("another member's state is not this one's", "contract", w.token, "member", a.Member, "size", a.Size,
				"root", a.Root, "state", a.Digest, "own_root", own.root, "own_state", own.digest)
		}
	}
	w.fingerprints = mine
	return nil
}

// fingerprintAt reads what this member's own state came to at a size.
func (w *watcher) fingerprintAt(size uint64) (fingerprint, error) {
	if known, ok := w.fingerprints[size]; ok {
		return known, nil
	}
	root, err := tlog.TreeHash(int64(size), w.state.LogHashes(w.token))
	if err != nil {
		return fingerprint{}, err
	}
	digest, err := w.state.Digest(w.token, size)
	if errors.Is(err, chain.NotFound) {
		err = nil // nobody keeps it; so says the zero digest
	}
	return fingerprint{chain.Hash(root), digest}, err
}
