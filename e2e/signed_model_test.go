package e2e

import (
	"maps"
	"testing"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/e2e/verify"
)

// spoken is an envelope and what all its senders were told.
type spoken struct {
	sign.Envelope
	from, to string // of accept and reject: from the hold
	hold     string
	units    int64
	until    int64 // of a hold that is given back soon if nobody decides it
	decision decision
}

// signedModel is what acknowledged outcomes come to: sums, in any order.
type signedModel struct {
	bpsc     string
	balances map[string]int64
	held     map[string]int64 // by hold
}

func newSignedModel(issuer string, supply int64) *signedModel {
	return &signedModel{verify.WalletOf("aka"), map[string]int64{issuer: supply}, map[string]int64{}}
}

func (m *signedModel) apply(s spoken) {
	switch s.decision.Kind {
	case "transfer":
		m.balances[s.from] -= s.units
		m.deliver(s)
	case "hold":
		m.balances[s.from] -= s.units
		m.held[s.ID] += s.units
	case "delivery":
		m.held[s.hold] -= s.units
		m.deliver(s)
	case "refund":
		if s.hold != "" {
			m.held[s.hold] -= s.units
			m.balances[s.from] += s.units
		}
	}
}

// deliver takes a fee of 50 millionths, rounded up.
func (m *signedModel) deliver(s spoken) {
	fee := (s.units*50 + 999_999) / 1_000_000
	m.balances[s.to] += s.units - fee
	m.balances[m.bpsc] += fee
}

// expire gives back the holds that nobody resolved and that were to expire.
func (m *signedModel) expire(all []spoken) {
	for _, s := range all {
		if left := m.held[s.ID]; s.until != 0 && left != 0 {
			m.balances[s.from] += left
			m.held[s.ID] = 0
		}
	}
}

// checkModel compares the chain with the model fed with what was acknowledged,
// to the unit, and each acknowledged id with its place.
func checkModel(t *testing.T, l *verify.Ledger, m *signedModel, all []spoken) {
	t.Helper()
	known := map[string]bool{}
	refused, kinds := map[string]int{}, map[string]int{}
	for _, s := range all {
		known[s.ID] = true
		m.apply(s)
		at, inChain := l.Records[s.ID] // the verifier has refused ids that stand there twice
		switch d := s.decision; {
		case d.Code != "":
			refused[d.Code]++
			if inChain {
				t.Errorf("%s was refused as %s and stands in block %d", s.ID, d.Code, at.Block)
			}
		case !inChain || at.Block != d.Block || at.Position != d.Position || at.Record.Kind != d.Kind || at.Amount != s.units:
			t.Errorf("%s was acknowledged as %+v and stands in the chain as %+v", s.ID, d, at)
		default:
			kinds[d.Kind+d.Reason]++
		}
	}
	m.expire(all)
	expired := 0
	for id, at := range l.Records {
		if at.Record.Signature == "" {
			expired++
		} else if !known[id] && at.Record.Kind != "rules" {
			t.Errorf("record %s was sent by nobody", id)
		}
	}
	for id, h := range l.Holds {
		if left := m.held[id]; (h.Ended == "") != (left != 0) {
			t.Errorf("of hold %s %d units are left in the model, in the chain it is %+v", id, left, h)
		}
	}
	wrong := 0
	both := maps.Clone(l.Balances)
	maps.Copy(both, m.balances)
	for name := range both {
		if got, want := l.Balances[name], m.balances[name]; got != want {
			wrong++
			t.Errorf("%s has %d units, the model says %d", name, got, want)
		}
	}
	t.Logf("%d envelopes became %v, refused were %v; %d holds expired; %d accounts, %d of them other than the model",
		len(all), kinds, refused, expired, len(both), wrong)
}
