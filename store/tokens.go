package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/store/engine"
	"github.com/bpsc/bpsc/store/keys"
)

func tokenKey(h token.Hash) string { return string(keys.TokenTable) + string(h[:]) }

// loadTokens reads all rows of tokens: they are few, and in memory.
func (l *loaded) loadTokens(db *engine.DB) error {
	return engine.Scan(db, []byte{keys.TokenTable}, func(key, row []byte) error {
		t, err := token.Decode(row)
		if err != nil || string(key) != tokenKey(t.Hash) {
			return fmt.Errorf("%w: token: %w", engine.ErrCorrupt, err)
		}
		l.tokens[t.Hash], l.tokenIDs[t.ID()] = t, t
		return nil
	})
}

// Token returns what is known of the token with a hash; nil of none. It does not change.
func (s *Store) Token(h token.Hash) *token.Token {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.tokens[h]
}

// Tokens returns all tokens, the oldest first. They do not change.
func (s *Store) Tokens() []*token.Token {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.sortedTokens()
}

// OperateMade tells whether there has ever been a token that may do what operators do.
func (s *Store) OperateMade() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.meta.OperateMade
}

func (s *Store) sortedTokens() []*token.Token {
	return slices.SortedFunc(maps.Values(s.tokens), func(a, b *token.Token) int {
		return cmp.Or(cmp.Compare(a.Made, b.Made), slices.Compare(a.Hash[:], b.Hash[:]))
	})
}

// Token returns what is known of the token with a hash; nil of none.
func (tx *Tx) Token(h token.Hash) *token.Token { return tx.s.tokens[h] }

// TokenOf returns what is known of the token with an id; nil of none.
func (tx *Tx) TokenOf(id string) *token.Token { return tx.s.tokenIDs[id] }

// Tokens are all tokens, the oldest first. Whoever asks more than once keeps them: they
// are sorted each time.
func (tx *Tx) Tokens() []*token.Token { return tx.s.sortedTokens() }

// OperateMade tells whether there has ever been a token that may do what operators do.
func (tx *Tx) OperateMade() bool { return tx.s.meta.OperateMade }

// SetToken records a token. It keeps t, which is not changed any more.
func (tx *Tx) SetToken(t *token.Token) {
	tx.s.tokens[t.Hash], tx.s.tokenIDs[t.ID()] = t, t
	tx.s.meta.OperateMade = tx.s.meta.OperateMade || t.Roles.Has(token.Operate)
	tx.s.active.setRow(tokenKey(t.Hash), t.Encode())
}

// DropToken forgets a token.
func (tx *Tx) DropToken(h token.Hash) {
	delete(tx.s.tokens, h)
	delete(tx.s.tokenIDs, h.ID())
	tx.s.active.setRow(tokenKey(h), nil)
}
