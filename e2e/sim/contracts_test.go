package sim

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/wallet"
)

// Each run has two contracts: one of names from which anybody may spend, and one of
// signatures, with holds that expire within seconds, rules of wallets, an issuer and fees
// that are spent and burned. No record of the one is about the other, so each is checked
// by itself.
const (
	token       = "aka"
	signedToken = "pay"
	decimals    = 6

	// What each wallet of the signed contract begins with: a few hundred transfers.
	begins = 200_000
)

// newKeys are those of the signed contract's wallets. The first is the issuer's and the
// treasurer's.
func newKeys() (keys []*wallet.Key) {
	for i := range accounts {
		seed := sha256.Sum256([]byte(account(i)))
		key, err := wallet.ParseKey(hex.EncodeToString(seed[:]))
		if err != nil {
			panic(err)
		}
		keys = append(keys, key)
	}
	return keys
}

// contracts are those of a run.
func (s *simulation) contracts() []chain.Contract {
	open := chain.DefaultContract()
	open.Token, open.BPSC, open.Wallets, open.HoldFor, open.LooseningDelay = token, chain.OpenBPSC, chain.OpenWallets, 0, 0
	open.Schedule = chain.Schedule{Every: 2 * time.Second, Transactions: 12}
	signed := chain.DefaultContract()
	signed.Token, signed.BPSC, signed.HoldFor, signed.LooseningDelay = signedToken, chain.BPSCAddress(signedToken), 2*time.Second, 2*time.Second
	signed.Schedule = chain.Schedule{Every: time.Second, Transactions: 8}
	signed.FeePPM, signed.Supply, signed.Mintable, signed.Freezable = 20_000, 2*accounts*begins, true, true
	signed.Issuer = s.keys[0].Address()
	signed.Treasurer = signed.Issuer
	return []chain.Contract{open, signed}
}

// account is the name of the ith account of a contract.
func (s *simulation) account(of string, i int) string {
	if of == signedToken {
		return s.keys[i].Address()
	}
	return account(i)
}

// fund gives each wallet of the signed contract something to begin with.
func (s *simulation) fund(ctx context.Context) error {
	info, err := s.members[0].life.store.Contract(signedToken)
	if err != nil {
		return err
	}
	s.signed = info.ID
	c := newClient(s, 9000)
	for i := 1; i < accounts; i++ {
		tx := chain.Transaction{Kind: chain.Transfer, Recipient: s.keys[i].Address(), Amount: begins}
		c.sign(&tx, 0)
		c.move(sent{signedToken, tx}, ctx.Done())
	}
	if ctx.Err() != nil {
		return errors.New("nobody gets anything")
	}
	return nil
}

// fresh is a transaction that nobody has sent yet.
func (c *client) fresh(to string) chain.Transaction {
	if to == signedToken {
		return c.signed()
	}
	return c.transfer()
}

// signed is a new transaction of the signed contract, of any kind.
func (c *client) signed() chain.Transaction {
	from, to := c.rand.IntN(accounts), c.rand.IntN(accounts-1)
	if to >= from { // to oneself nobody sends
		to++
	}
	tx := chain.Transaction{Kind: chain.Transfer, Recipient: c.s.keys[to].Address(), Amount: chain.Amount(100 + c.rand.Int64N(2000))}
	switch k := c.rand.IntN(20); {
	case k < 6:
	case k < 10:
		tx.Kind, tx.HoldUntil = chain.Hold, chain.SecondsOf(time.Now())+1+chain.Seconds(c.rand.Int64N(6))
	case k < 15:
		if h, some := c.s.history.hold(c.rand.IntN); some {
			tx = chain.Transaction{Kind: []chain.Kind{chain.Accept, chain.Reject}[c.rand.IntN(2)], Hold: h.ID}
			for i, key := range c.s.keys {
				if key.Address() == h.Recipient {
					from = i
				}
			}
		}
	case k < 17:
		tx = chain.Transaction{Kind: chain.Rules, Rules: c.rules()}
	case k < 18:
		frozen := c.rand.IntN(3) == 0
		tx = chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{Account: c.s.keys[to].Address(), Frozen: &frozen}}
		from = 0
	default: // the issuer's and the treasurer's
		from = 0
		tx.Kind = []chain.Kind{chain.Issue, chain.Spend, chain.Burn}[c.rand.IntN(3)]
		switch {
		case tx.Kind == chain.Burn:
			tx.Recipient, tx.Amount = "", chain.Amount(1+c.rand.Int64N(200))
		case tx.Kind == chain.Spend:
			tx.Recipient, tx.Amount = c.s.keys[1].Address(), chain.Amount(1+c.rand.Int64N(200))
		}
	}
	c.sign(&tx, from)
	return tx
}

// rules are a change of what a wallet's owner has set.
func (c *client) rules() *chain.RulesChange {
	switch c.rand.IntN(3) {
	case 0:
		limit := chain.Amount(c.rand.Int64N(3000))
		return &chain.RulesChange{PerTransfer: &limit}
	case 1:
		limit := chain.Amount(c.rand.Int64N(30_000))
		return &chain.RulesChange{PerDay: &limit}
	}
	receive := []chain.Receive{chain.ReceiveAuto, chain.ReceiveApprove, chain.ReceiveApprove, chain.ReceiveClosed}[c.rand.IntN(4)]
	return &chain.RulesChange{Receive: &receive}
}

// sign makes a transaction the sender's own, for a while that may be shorter than it takes.
func (c *client) sign(tx *chain.Transaction, from int) {
	c.n++
	valid := time.Minute
	if c.rand.IntN(10) == 0 {
		valid = time.Duration(1+c.rand.IntN(3)) * time.Second
	}
	tx.Sender = c.s.keys[from].Address()
	nonce := sha256.Sum256([]byte(fmt.Sprintf("%s/%d", c.name, c.n)))
	tx.Auth = &chain.Auth{Nonce: hex.EncodeToString(nonce[:16]), Expires: chain.SecondsOf(time.Now().Add(valid))}
	if err := c.s.keys[from].Sign(tx, c.s.signed, decimals); err != nil {
		panic(err)
	}
}

// hold is one of the last that somebody was told of, whatever has become of it.
func (h *history) hold(draw func(n int) int) (*chain.Record, bool) {
	const last = 8
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.holds) == 0 {
		return nil, false
	}
	return h.holds[len(h.holds)-1-draw(min(last, len(h.holds)))], true
}
