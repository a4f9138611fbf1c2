package fsm

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// ledger is what decisions look at and records change: a member's store, or
// the memory of whoever checks a chain.
type ledger interface {
	Account(name string) chain.Account
	SetAccount(name string, before, now chain.Account)
	Hold(id chain.ID) (chain.HoldState, bool)
	SetHold(id chain.ID, s chain.HoldState)
	OpenHolds() int
	OpenHoldsOf(sender string) int
	Supply() chain.Amount // issued and not burned
}

// question is a transaction with all that its decision depends on. The same
// question has the same answer on every member, and for every auditor after.
type question struct {
	ledger
	c   *chain.Contract
	t   *chain.Transaction
	now chain.Micros // machine time
}

// decide says what a valid transaction becomes: a record, or a refusal whose
// code is in the error. It changes nothing. The order of its questions is
// fixed: of several reasons a client always hears the same one.
func decide(q question) (chain.Record, error) {
	if q.c.Wallets == chain.OpenWallets {
		return chain.NewTransfer(q.c, q.t)
	}
	if err := q.admit(); err != nil {
		return chain.Record{}, err
	}
	r := chain.Record{Kind: q.t.Kind, ID: q.t.ID, Sender: q.t.Sender, Recipient: q.t.Recipient,
		Memo: q.t.Memo, HasMemo: q.t.Memo != "", Rules: q.t.Rules, Time: q.now, Auth: q.t.Auth}
	var err error
	switch q.t.Kind {
	case chain.Transfer, chain.Hold:
		err = q.transfer(&r)
	case chain.Accept, chain.Reject:
		err = q.resolve(&r)
	case chain.Rules:
		err = q.rules()
	case chain.Issue:
		err = q.issue(&r)
	case chain.Spend, chain.Burn:
		err = q.treasury(&r)
	}
	return r, err
}

// admit asks whether the sender may do anything at all.
func (q question) admit() error {
	seconds := q.now.Seconds()
	switch auth := q.t.Auth; {
	case auth.Expires <= seconds:
		return fmt.Errorf("%w: at %d, the chain's time is %d", chain.Expired, auth.Expires, seconds)
	case auth.Expires > seconds.Add(chain.MaxExpires):
		return fmt.Errorf("%w: at most %s ahead of the chain's time, %d", chain.ExpiresTooFar, chain.MaxExpires, seconds)
	case !q.holdsKey(q.t.Sender, auth.PublicKey):
		return fmt.Errorf("%w: the signature is not by the key of %s", chain.KeyWrong, q.t.Sender)
	}
	return nil
}

func (q question) holdsKey(address string, key chain.PublicKey) bool {
	if w := q.Account(address).Wallet; w != nil && !w.Key.IsZero() {
		return w.Key == key
	}
	return key.Address() == address
}

// wallet is what has been set for an address; the zero Wallet if nothing.
func wallet(a chain.Account) chain.Wallet {
	if a.Wallet == nil {
		return chain.Wallet{}
	}
	return *a.Wallet
}

// transfer decides transfers and holds: the sender's side may refuse, the
// recipient's sends everything back.
func (q question) transfer(r *chain.Record) error {
	if chain.Fee(q.t.Amount, q.c.FeePPM) >= q.t.Amount {
		return fmt.Errorf("%w: the fee would leave the recipient nothing", chain.AmountTooSmall)
	}
	if err := q.maySend(); err != nil {
		return err
	}
	recipient := q.Account(q.t.Recipient)
	r.AmountSend = q.t.Amount
	if reason := q.turnsAway(recipient); reason != "" {
		q.refund(r, reason)
		return nil
	}
	if q.t.Kind == chain.Hold || wallet(recipient).Receive == chain.ReceiveApprove {
		return q.hold(r)
	}
	r.BPSC = q.c.BPSC
	r.AmountBPSC = chain.Fee(q.t.Amount, q.c.FeePPM)
	r.AmountReceive = q.t.Amount - r.AmountBPSC
	return nil
}

// maySend asks whether the sender may part with the amount.
func (q question) maySend() error {
	sender := q.Account(q.t.Sender)
	w := wallet(sender)
	limit, day := w.PerTransfer.At(q.now), w.PerDay.At(q.now)
	switch {
	case w.Frozen:
		return fmt.Errorf("%w: the issuer has frozen %s", chain.AccountFrozen, q.t.Sender)
	case limit != 0 && q.t.Amount > limit:
		return chain.LimitPerTransfer
	case day != 0 && spentOn(w, q.now)+q.t.Amount > day:
		return chain.LimitPerDay
	case sender.Balance < q.t.Amount:
		return chain.InsufficientFunds
	}
	return nil
}

// spentOn is what the wallet has sent on the day of a machine time.
func spentOn(w chain.Wallet, at chain.Micros) chain.Amount {
	if w.Day != at.Day() {
		return 0
	}
	return w.Spent
}

// turnsAway says why a delivery cannot be made; "" when it can.
func (q question) turnsAway(recipient chain.Account) chain.Reason {
	w := wallet(recipient)
	switch {
	case w.Frozen:
		return chain.WalletFrozen
	case w.Receive == chain.ReceiveClosed:
		return chain.WalletClosed
	case recipient.Balance > chain.MaxUnits-q.t.Amount:
		return chain.RecipientLimit
	}
	return ""
}

// refund makes r the refund of what it was about to deliver.
func (q question) refund(r *chain.Record, reason chain.Reason) {
	r.Request, r.Kind, r.Reason = q.t.Kind, chain.Refund, reason
	r.AmountRefund, r.AmountSend = r.AmountSend, 0
	r.HoldUntil = q.t.HoldUntil
}

// hold makes r a hold, until the sender's time or the contract's.
func (q question) hold(r *chain.Record) error {
	if err := q.placeForHold(); err != nil {
		return err
	}
	now := q.now.Seconds()
	if q.t.Kind == chain.Transfer {
		r.Kind, r.Request = chain.Hold, chain.Transfer
		r.HoldUntil = now.Add(q.c.HoldFor) + 1 // whole seconds, never less than HoldFor
		return nil
	}
	if q.t.HoldUntil <= now || q.t.HoldUntil > now.Add(chain.MaxHold) {
		return fmt.Errorf("%w: it must be after the chain's time, %d, and at most %s later", chain.HoldUntilInvalid, now, chain.MaxHold)
	}
	r.HoldUntil = q.t.HoldUntil
	return nil
}

// placeForHold asks whether one more hold of this sender and this amount may
// wait.
func (q question) placeForHold() error {
	open := q.OpenHolds()
	if open >= MaxOpenHolds {
		return fmt.Errorf("%w: at most %d in a contract", chain.HoldsFull, MaxOpenHolds)
	}
	if q.OpenHoldsOf(q.t.Sender) >= MaxSenderHolds {
		return fmt.Errorf("%w: at most %d of %s", chain.SenderHoldsFull, MaxSenderHolds, q.t.Sender)
	}
	if least := leastHold(open, q.Supply()); q.t.Amount < least {
		text := chain.AppendAmount(nil, least, q.c.Decimals)
		return fmt.Errorf("%w: while %d holds wait, at least %s", chain.HoldTooSmall, open, text)
	}
	return nil
}

// leastHold is the least amount of a hold while so many wait. The first step of
// places is for any amount. For the last, 1/holdSteps of all places, each hold
// takes so much that all of them together are half of the supply, and for each
// step before it half as much as for the one behind it: whoever fills them all,
// with however many wallets, has all tokens in escrow.
func leastHold(open int, supply chain.Amount) chain.Amount {
	step := open / holdStep
	if step == 0 {
		return 0
	}
	return supply / (holdStep << (holdSteps - step))
}

// resolve decides what becomes of a hold whose recipient has spoken.
func (q question) resolve(r *chain.Record) error {
	h, known := q.Hold(q.t.Hold)
	switch {
	case !known:
		return chain.HoldUnknown
	case h.Recipient != q.t.Sender:
		return fmt.Errorf("%w: %s decides it", chain.HoldNotYours, h.Recipient)
	case h.Ended != "":
		return h.Ended
	case h.Until <= q.now.Seconds():
		return chain.HoldHasExpired // the clock ends it before any request; see Machine.Apply
	}
	*r = chain.Record{Kind: chain.Delivery, ID: q.t.ID, Sender: h.Sender, Recipient: h.Recipient, Hold: q.t.Hold,
		AmountSend: h.Amount, Time: q.now, Request: q.t.Kind, Auth: q.t.Auth}
	reason := chain.Rejected
	if q.t.Kind == chain.Accept {
		if reason = q.delivers(h); reason == "" {
			r.BPSC = q.c.BPSC
			r.AmountBPSC = chain.Fee(h.Amount, q.c.FeePPM)
			r.AmountReceive = h.Amount - r.AmountBPSC
			return nil
		}
	}
	r.Kind, r.Reason, r.AmountRefund, r.AmountSend = chain.Refund, reason, h.Amount, 0
	return nil
}

// delivers says why an accepted hold still cannot be delivered.
func (q question) delivers(h chain.HoldState) chain.Reason {
	q.t = &chain.Transaction{Amount: h.Amount}
	return q.turnsAway(q.Account(h.Recipient))
}

// rules decides changes of a wallet's rules and freezes.
func (q question) rules() error {
	if q.t.Rules.Frozen == nil {
		return nil // it is the owner's wallet
	}
	switch {
	case !q.c.Freezable:
		return chain.NotFreezable
	case q.t.Sender != q.c.Issuer:
		return chain.NotIssuer
	case q.t.Rules.Account == q.c.BPSC:
		return fmt.Errorf("%w: the BPSC's wallet", chain.NotFreezable)
	}
	return nil
}

func (q question) issue(r *chain.Record) error {
	r.Amount = q.t.Amount
	switch {
	case !q.c.Mintable:
		return chain.NotMintable
	case q.t.Sender != q.c.Issuer:
		return chain.NotIssuer
	}
	return nil
}

// treasury decides what becomes of held fees. How many there are is asked
// where totals change.
func (q question) treasury(r *chain.Record) error {
	r.Amount, r.BPSC = q.t.Amount, q.c.BPSC
	if q.c.Treasurer == "" || q.t.Sender != q.c.Treasurer {
		return chain.NotTreasurer
	}
	return nil
}

// expire is the refund of a hold that nobody has decided in time.
func expire(id chain.ID, h chain.HoldState, now chain.Micros) chain.Record {
	return chain.Record{Kind: chain.Refund, ID: chain.ExpiryID(id), Sender: h.Sender, Recipient: h.Recipient,
		AmountRefund: h.Amount, Hold: id, Reason: chain.HoldExpired, Time: now}
}
