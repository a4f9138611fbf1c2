package chainsync

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/keepsake"
)

// known is the file of the contracts that were found, in the order in which
// they were, and where.
type known struct {
	path string
	kept *keepsake.List

	mu        sync.Mutex // guards contracts, and the file
	contracts []knownContract
}

type knownContract struct {
	Token     string   `json:"token"`
	Upstreams []string `json:"upstreams"`
	Hidden    bool     `json:"hidden,omitempty"` // it is not followed from there: not trusted, or another ledger's of that name is
	source    int      // index in cfg.Sources
}

func readKnown(path string, kept *keepsake.List) (*known, error) {
	k := &known{path: path, kept: kept}
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	err := durable.ReadSealed(path, &k.contracts)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unreadable(path, err)
	}
	return k, nil
}

// add remembers contracts of a source, each where it was first, as it is now.
func (k *known) add(contracts []knownContract) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	changed := false
	for _, c := range contracts {
		i := slices.IndexFunc(k.contracts, func(known knownContract) bool { return known.Token == c.Token && known.source == c.source })
		switch {
		case i < 0:
			k.contracts = append(k.contracts, c)
		case k.contracts[i].Hidden != c.Hidden:
			k.contracts[i].Hidden = c.Hidden
		default:
			continue
		}
		changed = true
	}
	if !changed {
		return nil
	}
	if err := durable.WriteSealed(k.path, k.contracts); err != nil {
		return err
	}
	return k.kept.Add(k.path)
}

// recall follows the contracts that were found before, at the first source
// that shares an upstream with where they were. So a token stays with its
// cluster whoever answers first after a restart. What has no source any more
// is forgotten.
func (s *Syncer) recall() error {
	var left []knownContract
	for _, c := range s.known.contracts {
		source := slices.IndexFunc(s.cfg.Sources, func(src Source) bool {
			return src.Token == "" && slices.ContainsFunc(src.Upstreams, func(u string) bool {
				return slices.Contains(c.Upstreams, u)
			})
		})
		if source < 0 {
			continue
		}
		hidden := c.Hidden || !s.cfg.trusts(c.Token)
		left = append(left, knownContract{c.Token, s.cfg.Sources[source].Upstreams, hidden, source})
		if hidden {
			continue
		}
		if _, _, err := s.add(source, c.Token); err != nil {
			return err
		}
	}
	s.known.contracts = left
	return nil
}

// DefaultToken is the first contract of the first source; false until it is
// known, and where it is not followed from there: who names no contract means that
// one, and gets no other.
func (s *Syncer) DefaultToken() (string, bool) {
	if token := s.cfg.Sources[0].Token; token != "" {
		return token, true
	}
	s.known.mu.Lock()
	defer s.known.mu.Unlock()
	for _, c := range s.known.contracts {
		if c.source == 0 {
			return c.Token, !c.Hidden
		}
	}
	return "", false
}
