package sim

import (
	"bytes"
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// explain tells by which rules a run is wrong that was broken off: because a process ended
// by itself, nobody was served, or members did not come to one state. That is what comes
// of a fault; the rule that it breaks, where what is known so far shows it, is said first.
func (s *simulation) explain() {
	var broken []string
	for _, c := range s.contracts() {
		broken = append(broken, s.brokenSoFar(c)...)
	}
	for _, r := range broken {
		s.world.trace.tell(s.world.since(), "VIOLATION", r)
	}
	s.violations = append(broken, s.violations...)
}

// brokenSoFar are the rules that one contract breaks already.
func (s *simulation) brokenSoFar(c chain.Contract) (broken []string) {
	var longest *ledger
	var of *member
	for _, m := range s.members {
		l := m.life
		if l == nil || !l.ready.Load() || l.stuck.Load() {
			continue
		}
		own, err := readSoFar(l, c.Token)
		if err != nil {
			continue // no contract yet, or it is damaged
		}
		if longest != nil {
			if differs := differ(longest, own); differs != "" {
				broken = append(broken, fmt.Sprintf("%s: %s and %s: %s", ruleOneChain, of.name, m.name, differs))
			}
		}
		if longest == nil || len(own.records) > len(longest.records) {
			longest, of = own, m
		}
	}
	if longest == nil {
		return broken
	}
	all := s.history.of(c.Token)
	longest.underway = s.history.sent()
	refusals(all, longest, of)
	broken = append(broken, checkHistory(all, longest)...)
	broken = append(broken, checkSigned(all, s.history.signatures(c.Token), longest)...)
	return append(broken, s.checkFollowers(longest)...)
}

// readSoFar takes what one member has at this moment.
func readSoFar(l *life, token string) (*ledger, error) {
	end := &ledger{token: token, partial: true, refused: map[chain.ID]chain.Code{}}
	info, err := l.store.Contract(token)
	if err != nil {
		return nil, err
	}
	err = l.store.Blocks(token, 1, 0, func(index uint64, canonical []byte) error {
		b, err := chain.DecodeBlock(canonical, decimals)
		if err != nil {
			return err
		}
		end.blocks = append(end.blocks, bytes.Clone(canonical))
		for i, r := range b.Records {
			end.records = append(end.records, placed{r, index, i})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	pending, err := l.store.Pending(token)
	if err != nil {
		return nil, err
	}
	for i, r := range pending {
		end.records = append(end.records, placed{r, info.Length + 1, i})
	}
	return end, nil
}

// differ says where two members differ, as far as both have got.
func differ(a, b *ledger) string {
	for i := range min(len(a.blocks), len(b.blocks)) {
		if !bytes.Equal(a.blocks[i], b.blocks[i]) {
			return fmt.Sprintf("block %d", i+1)
		}
	}
	for i := range min(len(a.records), len(b.records)) {
		if a.records[i].ID != b.records[i].ID {
			return fmt.Sprintf("record %d is %s or %s", i+1, a.records[i].ID, b.records[i].ID)
		}
	}
	return ""
}
