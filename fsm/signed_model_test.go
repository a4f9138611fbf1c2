package fsm

import (
	"sort"

	"github.com/bpsc/bpsc/chain"
)

// signedModel is the signed ledger on plain maps: the rules written down a
// second time, in the order of docs/ledger-rules.md, by balances only. It makes
// no records and no blocks.
type signedModel struct {
	c        *chain.Contract
	now      chain.Micros
	wallets  map[string]*modelWallet
	holds    map[chain.ID]*modelHold
	refused  map[chain.ID]chain.Code
	final    map[chain.ID]bool
	issued   chain.Amount
	burned   chain.Amount
	fees     chain.Amount
	expiries int
}

type modelWallet struct {
	balance     chain.Amount
	key         chain.PublicKey
	frozen      bool
	receive     chain.Receive
	perTransfer modelLimit
	perDay      modelLimit
	spentByDay  map[int64]chain.Amount // while there was a limit
}

// modelLimit keeps every change with the time it takes effect.
type modelLimit struct{ changes []limitChange }

type limitChange struct {
	from   chain.Micros
	amount chain.Amount
}

func (l *modelLimit) at(now chain.Micros) (limit chain.Amount) {
	for _, c := range l.changes {
		if c.from <= now {
			limit = c.amount
		}
	}
	return limit
}

func (l *modelLimit) set(to chain.Amount, now, delay chain.Micros) {
	current := l.at(now)
	kept := l.changes[:0]
	for _, c := range l.changes { // a new wish replaces one that has not taken effect
		if c.from <= now {
			kept = append(kept, c)
		}
	}
	from := now
	if current != 0 && (to == 0 || to > current) {
		from += delay
	}
	l.changes = append(kept, limitChange{from, to})
}

type modelHold struct {
	from, to string
	amount   chain.Amount
	until    chain.Seconds
	ended    chain.Code
}

func newSignedModel(c *chain.Contract) *signedModel {
	m := &signedModel{c: c, wallets: map[string]*modelWallet{}, holds: map[chain.ID]*modelHold{},
		refused: map[chain.ID]chain.Code{}, final: map[chain.ID]bool{}, issued: c.Supply}
	if c.Supply > 0 {
		m.wallet(c.Issuer).balance = c.Supply
	}
	return m
}

func (m *signedModel) wallet(name string) *modelWallet {
	w := m.wallets[name]
	if w == nil {
		w = &modelWallet{spentByDay: map[int64]chain.Amount{}}
		m.wallets[name] = w
	}
	return w
}

// tick moves the clock and gives back what has expired.
func (m *signedModel) tick(now chain.Micros) {
	m.now = max(m.now, now)
	var due []chain.ID
	for id, h := range m.holds {
		if h.ended == "" && h.until.Micros() <= m.now {
			due = append(due, id)
		}
	}
	sort.Slice(due, func(i, j int) bool { return due[i].String() < due[j].String() })
	for _, id := range due {
		h := m.holds[id]
		h.ended = chain.HoldHasExpired
		m.wallet(h.from).balance += h.amount
		m.expiries++
	}
}

// want is what the model expects of a transaction: a refusal, or a record of a
// kind, perhaps with a reason.
type want struct {
	refused chain.Code
	kind    chain.Kind
	reason  chain.Reason
	replay  bool
}

func (m *signedModel) submit(t *chain.Transaction) want {
	if m.final[t.ID] {
		return want{replay: true}
	}
	if code, known := m.refused[t.ID]; known {
		return want{refused: code, replay: true}
	}
	seconds := m.now.Seconds()
	if t.Auth.Expires <= seconds {
		return want{refused: chain.Expired}
	}
	if t.Auth.Expires > seconds+24*3600 {
		return want{refused: chain.ExpiresTooFar}
	}
	w := m.apply(t, seconds)
	if w.refused == "" {
		m.final[t.ID] = true
	} else if w.refused != chain.AmountTooSmall && w.refused != chain.KeyWrong {
		m.refused[t.ID] = w.refused
	}
	return w
}

func (m *signedModel) apply(t *chain.Transaction, seconds chain.Seconds) want {
	sender := m.wallet(t.Sender)
	if sender.key != (chain.PublicKey{}) && sender.key != t.Auth.PublicKey ||
		sender.key == (chain.PublicKey{}) && t.Auth.PublicKey.Address() != t.Sender {
		return want{refused: chain.KeyWrong}
	}
	switch t.Kind {
	case chain.Transfer, chain.Hold:
		return m.send(t, sender, seconds)
	case chain.Accept, chain.Reject:
		return m.resolve(t)
	case chain.Rules:
		return m.rules(t, sender)
	case chain.Issue:
		return m.issue(t)
	}
	return m.treasury(t)
}

func (m *signedModel) fee(a chain.Amount) chain.Amount {
	whole, rest := int64(a)*m.c.FeePPM/1_000_000, int64(a)*m.c.FeePPM%1_000_000 // amounts are small here
	if rest > 0 {
		whole++
	}
	return chain.Amount(whole)
}

func (m *signedModel) send(t *chain.Transaction, sender *modelWallet, seconds chain.Seconds) want {
	if m.fee(t.Amount) >= t.Amount {
		return want{refused: chain.AmountTooSmall}
	}
	if sender.frozen {
		return want{refused: chain.AccountFrozen}
	}
	if limit := sender.perTransfer.at(m.now); limit != 0 && t.Amount > limit {
		return want{refused: chain.LimitPerTransfer}
	}
	today := int64(seconds / 86400)
	if limit := sender.perDay.at(m.now); limit != 0 && sender.spentByDay[today]+t.Amount > limit {
		return want{refused: chain.LimitPerDay}
	}
	if sender.balance < t.Amount {
		return want{refused: chain.InsufficientFunds}
	}
	recipient := m.wallet(t.Recipient)
	if recipient.frozen {
		return want{kind: chain.Refund, reason: chain.WalletFrozen}
	}
	if recipient.receive == chain.ReceiveClosed {
		return want{kind: chain.Refund, reason: chain.WalletClosed}
	}
	hold := t.Kind == chain.Hold
	if hold && (t.HoldUntil <= seconds || t.HoldUntil > seconds+90*86400) {
		return want{refused: chain.HoldUntilInvalid}
	}
	sender.balance -= t.Amount
	if sender.perDay.at(m.now) != 0 {
		sender.spentByDay[today] += t.Amount
	}
	if hold || recipient.receive == chain.ReceiveApprove {
		until := t.HoldUntil
		if !hold {
			until = seconds.Add(m.c.HoldFor) + 1
		}
		m.holds[t.ID] = &modelHold{from: t.Sender, to: t.Recipient, amount: t.Amount, until: until}
		return want{kind: chain.Hold}
	}
	m.deliver(t.Recipient, t.Amount)
	return want{kind: chain.Transfer}
}

func (m *signedModel) deliver(to string, amount chain.Amount) {
	fee := m.fee(amount)
	m.wallet(to).balance += amount - fee
	if m.c.Fees == chain.BurnFees {
		m.burned += fee
	} else {
		m.fees += fee
		m.wallet(m.c.BPSC).balance += fee
	}
}

func (m *signedModel) resolve(t *chain.Transaction) want {
	h := m.holds[t.Hold]
	if h == nil {
		return want{refused: chain.HoldUnknown}
	}
	if h.to != t.Sender {
		return want{refused: chain.HoldNotYours}
	}
	if h.ended != "" {
		return want{refused: h.ended}
	}
	to, reason := m.wallet(h.to), chain.Reason("")
	switch {
	case t.Kind == chain.Reject:
		reason, h.ended = chain.Rejected, chain.HoldRejected
	case to.frozen:
		reason, h.ended = chain.WalletFrozen, chain.HoldRefunded
	case to.receive == chain.ReceiveClosed:
		reason, h.ended = chain.WalletClosed, chain.HoldRefunded
	}
	if reason != "" {
		m.wallet(h.from).balance += h.amount
		return want{kind: chain.Refund, reason: reason}
	}
	h.ended = chain.HoldDelivered
	m.deliver(h.to, h.amount)
	return want{kind: chain.Delivery}
}

func (m *signedModel) rules(t *chain.Transaction, sender *modelWallet) want {
	p := t.Rules
	if p.Frozen != nil {
		switch {
		case !m.c.Freezable:
			return want{refused: chain.NotFreezable}
		case t.Sender != m.c.Issuer:
			return want{refused: chain.NotIssuer}
		}
		m.wallet(p.Account).frozen = *p.Frozen
		return want{kind: chain.Rules}
	}
	delay := chain.Micros(m.c.LooseningDelay.Microseconds())
	if p.NewKey != nil {
		sender.key = *p.NewKey
	}
	if p.Receive != nil {
		sender.receive = *p.Receive
	}
	if p.PerTransfer != nil {
		sender.perTransfer.set(*p.PerTransfer, m.now, delay)
	}
	if p.PerDay != nil {
		sender.perDay.set(*p.PerDay, m.now, delay)
	}
	return want{kind: chain.Rules}
}

func (m *signedModel) issue(t *chain.Transaction) want {
	switch {
	case !m.c.Mintable:
		return want{refused: chain.NotMintable}
	case t.Sender != m.c.Issuer:
		return want{refused: chain.NotIssuer}
	}
	m.issued += t.Amount
	m.wallet(t.Recipient).balance += t.Amount
	return want{kind: chain.Issue}
}

func (m *signedModel) treasury(t *chain.Transaction) want {
	switch {
	case m.c.Treasurer == "" || t.Sender != m.c.Treasurer:
		return want{refused: chain.NotTreasurer}
	case m.fees < t.Amount:
		return want{refused: chain.InsufficientFees}
	}
	m.fees -= t.Amount
	m.wallet(m.c.BPSC).balance -= t.Amount
	if t.Kind == chain.Burn {
		m.burned += t.Amount
	} else {
		m.wallet(t.Recipient).balance += t.Amount
	}
	return want{kind: t.Kind}
}
