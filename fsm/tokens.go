package fsm

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/store"
)

// makeToken adds a token, or refuses to: whoever has one makes none that may do more.
// To ask for the same again changes nothing.
func makeToken(tx *store.Tx, q *command.MakeToken) (refusal error) {
	now := int64(tx.Time().Seconds())
	t := &token.Token{Hash: q.Hash, Name: q.Name, Roles: q.Roles, Contract: q.Contract, Made: now, Expires: q.Expires, Parent: q.Parent}
	if known := tx.TokenOf(t.ID()); known != nil {
		t.Made, t.Revoked = known.Made, known.Revoked
		if *known == *t {
			return nil
		}
		return fmt.Errorf("%w: there is another token %s", chain.IDReused, t.ID())
	}
	if err := t.Check(); err != nil {
		return fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	switch {
	case t.Contract != "" && tx.Head(t.Contract) == nil:
		return unknownContract(t.Contract)
	case t.Expired(now):
		return fmt.Errorf("%w: it would expire before it is made", chain.InvalidField)
	}
	if t.Parent != "" {
		parent, err := operates(tx, t.Parent)
		if err != nil {
			return err
		}
		if !parent.Covers(t) {
			return fmt.Errorf("%w: %s may make none with other roles or contracts than its own, nor one that outlives it", chain.TokenTooBroad, t.Parent)
		}
	}
	if err := roomForToken(tx, now); err != nil {
		return err
	}
	tx.SetToken(t)
	foldAll(tx, append([]byte{'k'}, t.Encode()...))
	return nil
}

// operates returns a token that may do what operators do now, or why it may not.
func operates(tx *store.Tx, id string) (*token.Token, error) {
	now := int64(tx.Time().Seconds())
	switch t := tx.TokenOf(id); {
	case t == nil || t.Revoked > 0:
		return nil, fmt.Errorf("%w: %s", chain.TokenRevoked, id)
	case t.Expired(now):
		return nil, fmt.Errorf("%w: %s", chain.TokenExpired, id)
	case !t.Roles.Has(token.Operate):
		return nil, fmt.Errorf("%w: %s has not the role operate", chain.TokenTooBroad, id)
	default:
		return t, nil
	}
}

// roomForToken drops tokens that have not been good for keepEnded, and where there is no
// room without, the one that has not been good for longest. So nothing but what is asked
// of the tokens makes any disappear.
func roomForToken(tx *store.Tx, now int64) (refusal error) {
	all := tx.Tokens()
	count := len(all)
	ended := slices.DeleteFunc(all, func(t *token.Token) bool { return t.Ended(now) == 0 })
	slices.SortStableFunc(ended, func(a, b *token.Token) int { return cmp.Compare(a.Ended(now), b.Ended(now)) })
	for _, t := range ended {
		if now-t.Ended(now) < keepEnded && count < MaxTokens {
			break
		}
		tx.DropToken(t.Hash)
		count--
		foldAll(tx, append([]byte{'x'}, t.Hash[:]...))
	}
	if count >= MaxTokens {
		return fmt.Errorf("%w: at most %d: revoke some", chain.TokensFull, MaxTokens)
	}
	return nil
}

// revokeToken ends a token with all that come from it. A token that is limited to a
// contract ends itself and those, and no other.
func revokeToken(tx *store.Tx, q *command.RevokeToken) (refusal error) {
	t := tx.TokenOf(q.ID)
	if t == nil {
		return fmt.Errorf("%w: %q", chain.TokenUnknown, q.ID)
	}
	if q.By != "" {
		by, err := operates(tx, q.By)
		if err != nil {
			return err
		}
		if by.Contract != "" && !slices.Contains(family(tx, by), t) {
			return fmt.Errorf("%w: %q is none of those that %s has made", chain.TokenUnknown, q.ID, q.By)
		}
	}
	for _, t := range family(tx, t) {
		if t.Revoked == 0 {
			now := *t
			now.Revoked = max(int64(tx.Time().Seconds()), 1) // 0 would be never
			tx.SetToken(&now)
			foldAll(tx, append([]byte{'k'}, now.Encode()...))
		}
	}
	return nil
}

// family is a token and all that come from it.
func family(tx *store.Tx, t *token.Token) []*token.Token {
	children := map[string][]*token.Token{}
	for _, child := range tx.Tokens() {
		if child.Parent != "" {
			children[child.Parent] = append(children[child.Parent], child)
		}
	}
	list := []*token.Token{t}
	for i := 0; i < len(list); i++ {
		list = append(list, children[list[i].ID()]...)
	}
	return list
}

// foldAll makes a change that is of no chain part of the digest of each: members that
// disagree about it must not pass for the same.
func foldAll(tx *store.Tx, change []byte) {
	for _, h := range tx.Heads() {
		tx.Fold(h, change)
	}
}
