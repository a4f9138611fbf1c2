package rules

import (
	"encoding/hex"
	"maps"
	"slices"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/verify"
)

// Sent is what a wallet has sent on a day, as far as there was a limit for it.
type Sent struct{ Day, Units int64 }

// Spending is what wallets have sent.
type Spending map[string]Sent

// Count counts a record, where most is the limit of its sender for a day, and returns what was sent with it; 0
// where nothing counts.
func (s Spending) Count(r Record, most int64) int64 {
	if most == 0 || !sends(r) {
		return 0
	}
	now := s[r.Sender]
	if now.Day != r.Day {
		now = Sent{Day: r.Day}
	}
	now.Units += r.Units
	s[r.Sender] = now
	return now.Units
}

// sends tells whether a record takes something from its sender's wallet.
func sends(r Record) bool { return r.Kind == "transfer" || r.Kind == "hold" }

// created is by how much a record changes all balances together: what a hold takes comes back with its end.
func created(r Record) int64 {
	switch {
	case r.Kind == "issue", r.Kind == "delivery", r.Kind == "refund" && r.Hold != "":
		return r.Units
	case r.Kind == "burn", r.Kind == "hold":
		return -r.Units
	}
	return 0
}

// wallets holds each record against what was set for the wallets when it came.
func (j *judge) wallets() {
	set, spending := map[string]history.Rules{}, Spending{}
	maps.Copy(set, j.Wallets)
	maps.Copy(spending, j.Sent)
	for _, r := range j.Records {
		sum := int64(0)
		for _, change := range r.Moves {
			sum += change
		}
		if want := created(r); sum != want {
			j.say(Conserved, "%s, a %s of %d units, changes all balances by %d, and not by %d", r.ID, r.Kind, r.Units, sum, want)
		}
		if r.Key != "" && !holds(set[r.Signer].Key, r.Signer, r.Key) {
			j.say(OldKeys, "%s is signed for %s by %s, whose key is %q", r.ID, r.Signer, r.Key, set[r.Signer].Key)
		}
		of := set[r.Sender]
		if of.PerTransfer > 0 && sends(r) && r.Units > of.PerTransfer {
			j.say(Bounded, "%s sends %d units, and %s allows %d", r.ID, r.Units, r.Sender, of.PerTransfer)
		}
		if sent := spending.Count(r, of.PerDay); sent > of.PerDay {
			j.say(Bounded, "with %s %s has sent %d units on day %d, and allows %d", r.ID, r.Sender, sent, r.Day, of.PerDay)
		}
		if r.Set != nil {
			set[r.Set.Wallet] = r.Set.Rules
		}
	}
}

// holds tells whether a key is that of a wallet, for which another one may have been set.
func holds(set, wallet, key string) bool {
	if set != "" {
		return key == set
	}
	public, err := hex.DecodeString(key)
	return err == nil && verify.Address(public) == wallet
}

// signer is whose wallet signs what was asked for.
func signer(op history.Op) string {
	if op.Request == "accept" || op.Request == "reject" {
		return op.To
	}
	return op.Sender
}

// spent is from when on a wallet has sent something.
type spent struct {
	from int // the number of records
	Sent
}

// spendings are those of all wallets that sent something in the window.
func (j *judge) spendings() map[string][]spent {
	all, set, spending := map[string][]spent{}, map[string]history.Rules{}, Spending{}
	maps.Copy(set, j.Wallets)
	maps.Copy(spending, j.Sent)
	for _, r := range j.Records {
		if spending.Count(r, set[r.Sender].PerDay) > 0 {
			all[r.Sender] = append(all[r.Sender], spent{r.Order, spending[r.Sender]})
		}
		if r.Set != nil {
			set[r.Set.Wallet] = r.Set.Rules
		}
	}
	return all
}

// sent is what a wallet has sent after n records, on the day on which it sent last.
func (j *judge) sent(all map[string][]spent, wallet string, n int) Sent {
	for _, s := range slices.Backward(all[wallet]) {
		if s.from <= n {
			return s.Sent
		}
	}
	return j.Sent[wallet]
}
