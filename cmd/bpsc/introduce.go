package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// introduceEvery is how often a member tries again to make itself known.
const introduceEvery = 200 * time.Millisecond

// introduce tells the cluster this member's URL and creates the default
// contract, once there is a leader. What the ledger refuses is not asked again:
// it would be an entry of the log each time. An error means that this member
// must not go on.
func (s *server) introduce(ctx context.Context) error {
	tick := time.NewTicker(introduceEvery)
	defer tick.Stop()
	for {
		err := s.tryIntroduce(ctx)
		if err == nil || errors.Is(err, errUsage) {
			return err
		}
		s.log.Debug("not introduced yet", "error", err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (s *server) tryIntroduce(ctx context.Context) error {
	if err := s.member.Barrier(ctx); err != nil {
		return err
	}
	self := store.Member{URL: s.cfg.Advertise, Key: s.key.String()}
	if err := s.announce(ctx, s.cfg.ID, self); err != nil {
		return err
	}
	for _, w := range s.witnesses {
		if err := s.announce(ctx, chain.WitnessID(w.Name), store.Member{URL: w.URL, Key: w.Key.String()}); err != nil {
			return err
		}
	}
	return s.settleDefault(ctx)
}

// announce makes a member or a witness known, unless it is or is known to be
// somebody else.
func (s *server) announce(ctx context.Context, id string, m store.Member) error {
	known := s.store.Member(id)
	if known == m {
		return nil
	}
	err := error(nil)
	if known.Key != "" && known.Key != m.Key {
		err = fmt.Errorf("%w: %s signs with %s", chain.MemberKeyFixed, id, known.Key)
	} else {
		err = s.requests.Announce(ctx, id, m.URL, m.Key)
	}
	var refused chain.Code
	if !errors.As(err, &refused) {
		return err
	}
	s.log.Error("the cluster does not take a key; what it signs does not count", "of", id, "key", m.Key, "error", err)
	if id == s.cfg.ID {
		s.attest.refused(err)
	}
	return nil
}

// settleDefault creates the default contract where there is none. Members do so
// at the same time, and the first wins: what it made must be what all are
// configured for.
func (s *server) settleDefault(ctx context.Context) error {
	if s.contract == nil {
		if _, exists := s.store.DefaultToken(); !exists {
			s.log.Warn("there is no contract yet: start the members with --contract FILE, or make one with POST /v1/contracts")
		}
		return nil
	}
	if _, exists := s.store.DefaultToken(); !exists {
		if err := s.requests.CreateDefault(ctx, *s.contract); err != nil && !errors.Is(err, chain.ContractExists) {
			return err
		}
		if err := s.member.Barrier(ctx); err != nil { // the answer may be ahead of this member's state
			return err
		}
	}
	return s.checkDefault()
}

// checkDefault fails when the cluster's default contract is another one than the
// one configured.
func (s *server) checkDefault() error {
	token, exists := s.store.DefaultToken()
	if s.contract == nil || !exists {
		return nil
	}
	there, err := s.store.Contract(token)
	if err != nil || there.Contract == *s.contract {
		return err
	}
	want, err := s.contract.MarshalJSON()
	if err != nil {
		return err
	}
	got, err := there.Contract.MarshalJSON()
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: --contract %s is not the cluster's default contract, which was made by a member with another file, "+
		"or by request, and which nobody can change.\n  configured: %s\n  default:    %s\n"+
		"What to do: give every member the same --contract. A default contract that is wrong means a new cluster, with new folders",
		errUsage, s.cfg.Contract, want, got)
}
