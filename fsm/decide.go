package fsm

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// input is a transaction with all that its decision depends on. The same input
// has the same outcome on every member, and for every auditor after.
type input struct {
	ledger
	c   *chain.Contract
	t   *chain.Transaction
	now chain.Micros // machine time
}

// decide says what a valid transaction becomes: a record, or a refusal whose
// code is in the error. It changes nothing. The order of its checks is
// fixed: of several reasons a client always hears the same one.
func decide(in input) (chain.Record, error) {
	if in.c.Wallets == chain.OpenWallets {
		return chain.NewTransfer(in.c, in.t)
	}
	if err := in.admit(); err != nil {
		return chain.Record{}, err
	}
	r := chain.Record{Kind: in.t.Kind, ID: in.t.ID, Sender: in.t.Sender, Recipient: in.t.Recipient,
		Memo: in.t.Memo, HasMemo: in.t.Memo != "", Rules: in.t.Rules, Time: in.now, Auth: in.t.Auth}
	var err error
	switch in.t.Kind {
	case chain.Transfer, chain.Hold:
		err = in.transfer(&r)
	case chain.Accept, chain.Reject:
		err = in.resolve(&r)
	case chain.Rules:
		err = in.rules()
	case chain.Issue:
		err = in.issue(&r)
	case chain.Spend, chain.Burn:
		err = in.treasury(&r)
	default:
		err = fmt.Errorf("%w: there is no rule for %q", chain.KindInvalid, in.t.Kind)
	}
	return r, err
}

// admit asks whether the sender may do anything at all.
func (in input) admit() error {
	seconds := in.now.Seconds()
	switch auth := in.t.Auth; {
	case auth.Expires <= seconds:
		return fmt.Errorf("%w: at %d, the chain's time is %d", chain.Expired, auth.Expires, seconds)
	case auth.Expires > seconds.Add(chain.MaxExpires):
		return fmt.Errorf("%w: at most %s ahead of the chain's time, %d", chain.ExpiresTooFar, chain.MaxExpires, seconds)
	case !in.holdsKey(in.t.Sender, auth.PublicKey):
		return fmt.Errorf("%w: the signature is not by the key of %s", chain.KeyWrong, in.t.Sender)
	}
	return nil
}

func (in input) holdsKey(address string, key chain.PublicKey) bool {
	if w := in.Account(address).Wallet; w != nil && !w.Key.IsZero() {
		return w.Key == key
	}
	return key.Owns(address)
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
func (in input) transfer(r *chain.Record) error {
	if chain.Fee(in.t.Amount, in.c.FeePPM) >= in.t.Amount {
		return fmt.Errorf("%w: the fee would leave the recipient nothing", chain.AmountTooSmall)
	}
	if err := in.maySend(); err != nil {
		return err
	}
	recipient := in.Account(in.t.Recipient)
	r.AmountSend = in.t.Amount
	if reason := in.turnsAway(recipient); reason != "" {
		in.refund(r, reason)
		return nil
	}
	if in.t.Kind == chain.Hold || wallet(recipient).Receive == chain.ReceiveApprove {
		return in.hold(r)
	}
	r.BPSC = in.c.BPSC
	r.AmountBPSC = chain.Fee(in.t.Amount, in.c.FeePPM)
	r.AmountReceive = in.t.Amount - r.AmountBPSC
	return nil
}

// maySend asks whether the sender may part with the amount.
func (in input) maySend() error {
	sender := in.Account(in.t.Sender)
	w := wallet(sender)
	limit, day := w.PerTransfer.At(in.now), w.PerDay.At(in.now)
	switch {
	case w.Frozen:
		return fmt.Errorf("%w: the issuer has frozen %s", chain.AccountFrozen, in.t.Sender)
	case limit != 0 && in.t.Amount > limit:
		return chain.LimitPerTransfer
	case day != 0 && spentOn(w, in.now)+in.t.Amount > day:
		return chain.LimitPerDay
	case sender.Balance < in.t.Amount:
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
func (in input) turnsAway(recipient chain.Account) chain.Reason {
	w := wallet(recipient)
	switch {
	case w.Frozen:
		return chain.WalletFrozen
	case w.Receive == chain.ReceiveClosed:
		return chain.WalletClosed
	case recipient.Balance > chain.MaxUnits-in.t.Amount:
		return chain.RecipientLimit
	}
	return ""
}

// refund makes r the refund of what it was about to deliver.
func (in input) refund(r *chain.Record, reason chain.Reason) {
	r.Request, r.Kind, r.Reason = in.t.Kind, chain.Refund, reason
	r.AmountRefund, r.AmountSend = r.AmountSend, 0
	r.HoldUntil = in.t.HoldUntil
}

// hold makes r a hold, until the sender's time or the contract's.
func (in input) hold(r *chain.Record) error {
	if err := in.placeForHold(); err != nil {
		return err
	}
	now := in.now.Seconds()
	if in.t.Kind == chain.Transfer {
		r.Kind, r.Request = chain.Hold, chain.Transfer
		r.HoldUntil = now.Add(in.c.HoldFor) + 1 // whole seconds, never less than HoldFor
		return nil
	}
	if in.t.HoldUntil <= now || in.t.HoldUntil > now.Add(chain.MaxHold) {
		return fmt.Errorf("%w: it must be after the chain's time, %d, and at most %s later", chain.HoldUntilInvalid, now, chain.MaxHold)
	}
	r.HoldUntil = in.t.HoldUntil
	return nil
}

// placeForHold asks whether one more hold of this sender and this amount may
// wait.
func (in input) placeForHold() error {
	open := in.OpenHolds()
	if open >= MaxOpenHolds {
		return fmt.Errorf("%w: at most %d in a contract", chain.HoldsFull, MaxOpenHolds)
	}
	if in.OpenHoldsOf(in.t.Sender) >= MaxSenderHolds {
		return fmt.Errorf("%w: at most %d of %s", chain.SenderHoldsFull, MaxSenderHolds, in.t.Sender)
	}
	if least := leastHold(open, in.Supply()); in.t.Amount < least {
		text := chain.AppendAmount(nil, least, in.c.Decimals)
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

// resolve decides what becomes of a hold that its recipient decides.
func (in input) resolve(r *chain.Record) error {
	h, known := in.Hold(in.t.Hold)
	switch {
	case !known:
		return chain.HoldUnknown
	case h.Recipient != in.t.Sender:
		return fmt.Errorf("%w: %s decides it", chain.HoldNotYours, h.Recipient)
	case h.Ended != "":
		return h.Ended
	case h.Until <= in.now.Seconds():
		return chain.HoldHasExpired // the clock ends it before any request; see Machine.Apply
	}
	*r = chain.Record{Kind: chain.Delivery, ID: in.t.ID, Sender: h.Sender, Recipient: h.Recipient, Hold: in.t.Hold,
		AmountSend: h.Amount, Time: in.now, Request: in.t.Kind, Auth: in.t.Auth}
	reason := chain.Rejected
	if in.t.Kind == chain.Accept {
		if reason = in.delivers(h); reason == "" {
			r.BPSC = in.c.BPSC
			r.AmountBPSC = chain.Fee(h.Amount, in.c.FeePPM)
			r.AmountReceive = h.Amount - r.AmountBPSC
			return nil
		}
	}
	r.Kind, r.Reason, r.AmountRefund, r.AmountSend = chain.Refund, reason, h.Amount, 0
	return nil
}

// delivers says why an accepted hold still cannot be delivered.
func (in input) delivers(h chain.HoldState) chain.Reason {
	in.t = &chain.Transaction{Amount: h.Amount}
	return in.turnsAway(in.Account(h.Recipient))
}

// rules decides changes of a wallet's rules and freezes.
func (in input) rules() error {
	if in.t.Rules.Frozen == nil {
		return nil // it is the owner's wallet
	}
	switch {
	case !in.c.Freezable:
		return chain.NotFreezable
	case in.t.Sender != in.c.Issuer:
		return chain.NotIssuer
	case in.t.Rules.Account == in.c.BPSC:
		return fmt.Errorf("%w: the BPSC's wallet", chain.NotFreezable)
	}
	return nil
}

func (in input) issue(r *chain.Record) error {
	r.Amount = in.t.Amount
	switch {
	case !in.c.Mintable:
		return chain.NotMintable
	case in.t.Sender != in.c.Issuer:
		return chain.NotIssuer
	}
	return nil
}

// treasury decides what becomes of held fees. How many there are is asked
// where totals change.
func (in input) treasury(r *chain.Record) error {
	r.Amount, r.BPSC = in.t.Amount, in.c.BPSC
	if in.c.Treasurer == "" || in.t.Sender != in.c.Treasurer {
		return chain.NotTreasurer
	}
	return nil
}

// expire is the refund of a hold that nobody has decided in time.
func expire(id chain.ID, h chain.HoldState, now chain.Micros) chain.Record {
	return chain.Record{Kind: chain.Refund, ID: chain.ExpiryID(id), Sender: h.Sender, Recipient: h.Recipient,
		AmountRefund: h.Amount, Hold: id, Reason: chain.HoldExpired, Time: now}
}
