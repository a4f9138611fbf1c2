package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// Hold is a delivery that waits for its recipient, or how it ended.
type Hold struct {
	Sender, Recipient string
	Amount            int64
	Until             int64
	Ended             string // "", or the code that a second decision gets
}

// Wallet is what has been set for an address.
type Wallet struct {
	Key     string // of a rotated one
	Receive string // "" is auto
	Frozen  bool

	perTransfer, perDay limit
	day, spent          int64 // what was sent on that day, while there was a limit for it
}

// unitsMax bounds balances.
const unitsMax = 999_999_999_999_999

// move changes the balances as a record says, and returns its amount.
func (l *Ledger) move(r Record) (int64, error) {
	switch r.Kind {
	case "transfer":
		if err := l.checkReceives(r, "", r.AmountSend); err != nil {
			return 0, err
		}
		return l.deliver(r, r.Sender)
	case "hold":
		return l.open(r)
	case "delivery":
		return l.resolve(r)
	case "refund":
		if r.Hold != "" {
			return l.resolve(r)
		}
		return l.sendBack(r)
	case "rules":
		return 0, l.set(r)
	case "recovery":
		return 0, nil
	}
	return l.moveTokens(r)
}

// sendBack checks a transfer that failed at once. It could have been made but
// for the recipient.
func (l *Ledger) sendBack(r Record) (int64, error) {
	amount, err := l.units(r.AmountRefund)
	switch {
	case err != nil:
		return 0, err
	case r.Reason == "":
		return 0, errors.New("it has no reason")
	case amount < 1 || l.feeOf(amount) >= amount || l.Balances[r.Sender] < amount:
		return 0, fmt.Errorf("%s has %d units and was to give %d", r.Sender, l.Balances[r.Sender], amount)
	}
	_, err = l.counted(r.Sender, amount)
	return amount, errors.Join(err, l.checkReceives(r, r.Reason, r.AmountRefund))
}

// deliver takes the amount from a balance, or from what is held where from is
// "", and gives the fee and the rest to whom they belong.
func (l *Ledger) deliver(r Record, from string) (int64, error) {
	send, err1 := l.units(r.AmountSend)
	fee, err2 := l.units(r.AmountBPSC)
	receive, err3 := l.units(r.AmountReceive)
	if err := errors.Join(err1, err2, err3); err != nil {
		return 0, err
	}
	if want := l.feeOf(send); fee != want || receive != send-fee || receive < 1 {
		return 0, fmt.Errorf("of %d units, %d went to the BPSC and %d to the recipient; the fee is %d", send, fee, receive, want)
	}
	if r.BPSC != l.Contract.BPSC {
		return 0, fmt.Errorf("made by %s, not by this BPSC", r.BPSC)
	}
	if from != "" {
		if err := l.take(from, send); err != nil {
			return 0, err
		}
	}
	l.Balances[r.Recipient] += receive
	if l.Contract.Fees == "burn" {
		l.burned += fee
	} else {
		l.Balances[l.Contract.BPSC] += fee
		l.fees += fee
	}
	return send, nil
}

// take takes from a balance, which in a signed contract never goes below zero.
func (l *Ledger) take(from string, units int64) error {
	if units < 1 || l.signed() && l.Balances[from] < units {
		return fmt.Errorf("%s has %d units and gives %d", from, l.Balances[from], units)
	}
	l.Balances[from] -= units
	if !l.signed() {
		return nil
	}
	w, err := l.counted(from, units)
	if err == nil {
		l.Wallets[from] = w
	}
	return err
}

func (l *Ledger) open(r Record) (int64, error) {
	amount, err := l.units(r.AmountSend)
	if err == nil && l.feeOf(amount) >= amount {
		err = fmt.Errorf("of %d units the fee would leave nothing", amount)
	}
	if err == nil {
		err = l.checkReceives(r, "", r.AmountSend)
	}
	if err == nil {
		err = l.checkPlace(r.Sender, amount)
	}
	if err == nil {
		err = l.take(r.Sender, amount)
	}
	if err != nil {
		return 0, err
	}
	now := new(big.Int).Div(l.clock.Num(), l.clock.Denom()).Int64()
	if r.Request == "transfer" && r.HoldUntil != now+l.Contract.HoldFor+1 {
		return 0, fmt.Errorf("a delivery waits until %d from %s on, the contract says for %d s", r.HoldUntil, r.Time, l.Contract.HoldFor)
	}
	if r.HoldUntil <= now || r.HoldUntil > now+holdSeconds+1 {
		return 0, fmt.Errorf("a hold from %s until %d", r.Time, r.HoldUntil)
	}
	l.held += amount
	l.await(r.ID, Hold{Sender: r.Sender, Recipient: r.Recipient, Amount: amount, Until: r.HoldUntil})
	return amount, nil
}

// endings say how a refund ends its hold, by its reason.
var endings = map[string]string{
	"rejected": "hold_rejected", "expired": "hold_expired",
	"closed": "hold_refunded", "frozen": "hold_refunded", "recipient_limit": "hold_refunded",
}

// resolve ends a hold, each only once.
func (l *Ledger) resolve(r Record) (int64, error) {
	h, known := l.Holds[r.Hold]
	switch {
	case !known:
		return 0, fmt.Errorf("there is no hold %s", r.Hold)
	case h.Ended != "":
		return 0, fmt.Errorf("hold %s has been resolved before: %s", r.Hold, h.Ended)
	case h.Sender != r.Sender || h.Recipient != r.Recipient:
		return 0, fmt.Errorf("hold %s is from %s to %s", r.Hold, h.Sender, h.Recipient)
	case r.Signature != "" && l.clock.Cmp(big.NewRat(h.Until, 1)) >= 0:
		return 0, fmt.Errorf("hold %s ended at %d, this was decided at %s", r.Hold, h.Until, r.Time)
	case r.Signature != "" && r.Reason == "expired", (r.Request == "reject") != (r.Reason == "rejected"):
		return 0, fmt.Errorf("%s cannot have the reason %q", r.Request, r.Reason)
	}
	text, ending := r.AmountSend, "hold_delivered"
	if r.Kind == "refund" {
		text, ending = r.AmountRefund, endings[r.Reason]
	}
	amount, err := l.units(text)
	if err == nil && (amount != h.Amount || ending == "") {
		err = fmt.Errorf("hold %s is of %d units, %d were resolved for %q", r.Hold, h.Amount, amount, r.Reason)
	}
	if err == nil && r.Request == "accept" {
		err = l.checkReceives(r, r.Reason, text)
	}
	if err == nil && r.Kind == "delivery" {
		_, err = l.deliver(r, "")
	}
	if err != nil {
		return 0, err
	}
	if r.Kind == "refund" {
		l.Balances[h.Sender] += amount
	}
	l.held -= amount
	l.end(r.Hold, h, ending)
	return amount, nil
}

// checkReceives checks that what became of a delivery follows from the wallets
// on both sides.
func (l *Ledger) checkReceives(r Record, reason string, amount json.Number) error {
	if !l.signed() {
		return nil
	}
	units, err := l.units(amount)
	to, want := l.Wallets[r.Recipient], ""
	switch {
	case err != nil:
		return err
	case r.Request != "accept" && l.Wallets[r.Sender].Frozen:
		return fmt.Errorf("the sender %s is frozen", r.Sender)
	case to.Frozen:
		want = "frozen"
	case to.Receive == "closed":
		want = "closed"
	case l.Balances[r.Recipient] > unitsMax-units:
		want = "recipient_limit"
	}
	if reason != want {
		return fmt.Errorf("a delivery to %s has the reason %q, its wallet gives %q", r.Recipient, reason, want)
	}
	if approve := to.Receive == "approve"; r.Kind == "transfer" && approve || r.Kind == "hold" && r.Request != "" && !approve {
		return fmt.Errorf("%s receives by %q, this is a %s", r.Recipient, to.Receive, r.Kind)
	}
	return nil
}

// moveTokens is what the issuer and the treasurer do.
func (l *Ledger) moveTokens(r Record) (int64, error) {
	amount, err := l.units(r.Amount)
	if err != nil {
		return 0, err
	}
	if amount < 1 {
		return 0, fmt.Errorf("amount %s", r.Amount)
	}
	if r.Kind == "issue" {
		if !l.Contract.Mintable || r.Sender != l.Contract.Issuer {
			return 0, fmt.Errorf("%s may not issue", r.Sender)
		}
		l.issued += amount
		l.Balances[r.Recipient] += amount
		return amount, nil
	}
	if r.Sender != l.Contract.Treasurer || r.BPSC != l.Contract.BPSC || amount > l.fees {
		return 0, fmt.Errorf("%s may not %s %d units of %d from %s", r.Sender, r.Kind, amount, l.fees, r.BPSC)
	}
	l.fees -= amount
	l.Balances[l.Contract.BPSC] -= amount
	if r.Kind == "burn" {
		l.burned += amount
	} else {
		l.Balances[r.Recipient] += amount
	}
	return amount, nil
}

// set is what a change of rules sets.
func (l *Ledger) set(r Record) error {
	name := r.Sender
	if r.Frozen != nil {
		if !l.Contract.Freezable || r.Sender != l.Contract.Issuer || !IsAddress(r.Account) {
			return fmt.Errorf("%s may not freeze %q", r.Sender, r.Account)
		}
		name = r.Account
	}
	w := l.Wallets[name]
	if r.Frozen != nil {
		w.Frozen = *r.Frozen
	}
	if r.NewKey != "" {
		w.Key = r.NewKey
	}
	if r.Receive != "" {
		w.Receive = r.Receive
	}
	var err1, err2 error
	w.perTransfer, err1 = l.change(w.perTransfer, r.PerTransfer)
	w.perDay, err2 = l.change(w.perDay, r.PerDay)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	l.Wallets[name] = w
	l.Balances[name] += 0 // an account from now on, which has to be compared
	return nil
}
