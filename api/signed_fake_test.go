package api

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"maps"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// signer is a key of the tests; the same number is the same key.
type signer struct{ key ed25519.PrivateKey }

func newSigner(number byte) signer {
	return signer{ed25519.NewKeyFromSeed(append(make([]byte, 31), number))}
}

func (k signer) public() chain.PublicKey {
	return chain.PublicKey(k.key.Public().(ed25519.PublicKey))
}

func (k signer) address() string { return k.public().Address() }

// The people of the tests.
var alice, bob, carol = newSigner(1), newSigner(2), newSigner(3)

func signedContract(token string) chain.Contract {
	c := chain.DefaultContract()
	c.Token, c.BPSC = token, chain.BPSCAddress(token)
	c.Issuer, c.Treasurer = carol.address(), carol.address()
	c.Mintable, c.Freezable, c.HoldFor = true, true, time.Hour
	return c
}

// chainID is what a client signs for.
func (f *fake) chainID(token string) chain.Hash { return chain.HashBytes(f.find(token).blocks[0]) }

var nonces int

// sign completes t as a client does: nonce and expiry unless it has them, key,
// signature, id.
func (k signer) sign(chainID chain.Hash, t chain.Transaction) chain.Transaction {
	if t.Auth == nil {
		nonces++
		t.Auth = &chain.Auth{Nonce: fmt.Sprintf("%032x", nonces), Expires: 1_700_000_600}
	}
	if t.Sender == "" {
		t.Sender = k.address()
	}
	t.Auth.PublicKey = k.public()
	message := t.AppendSigned(nil, chainID, 6)
	t.Auth.Signature = chain.Signature(ed25519.Sign(k.key, message))
	t.ID = chain.SignedID(message)
	return t
}

// bodyOf is what a client sends for t.
func bodyOf(t *chain.Transaction) map[string]any {
	amount := func(a chain.Amount) json.Number { return json.Number(chain.AppendAmount(nil, a, 6)) }
	m := map[string]any{"kind": string(t.Kind), "sender": t.Sender, "nonce": t.Auth.Nonce, "expires": t.Auth.Expires,
		"public_key": chain.Hash(t.Auth.PublicKey).String(), "signature": t.Auth.Signature.String()}
	if t.Recipient != "" {
		m["recipient"] = t.Recipient
	}
	if t.Amount != 0 {
		m["amount"] = amount(t.Amount)
	}
	if t.Memo != "" {
		m["memo"] = t.Memo
	}
	if t.HoldUntil != 0 {
		m["hold_until"] = t.HoldUntil
	}
	if !t.Hold.IsZero() {
		m["hold"] = t.Hold.String()
	}
	if p := t.Rules; p != nil {
		maps.Copy(m, rulesOf(p, amount))
	}
	return m
}

func rulesOf(p *chain.RulesChange, amount func(chain.Amount) json.Number) map[string]any {
	m := map[string]any{}
	if p.Receive != nil {
		m["receive"] = string(*p.Receive)
	}
	if p.PerTransfer != nil {
		m["per_transfer"] = amount(*p.PerTransfer)
	}
	if p.PerDay != nil {
		m["per_day"] = amount(*p.PerDay)
	}
	if p.NewKey != nil {
		m["new_key"] = chain.Hash(*p.NewKey).String()
	}
	if p.Account != "" {
		m["account"] = p.Account
	}
	if p.Frozen != nil {
		m["frozen"] = *p.Frozen
	}
	return m
}

// textOf is the JSON of a value of the tests.
func textOf(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	require.NoError(t, err)
	return string(text)
}

// signedBody signs t for the default contract and returns it with its text.
func signedBody(t testing.TB, f *fake, k signer, tx chain.Transaction) (chain.Transaction, string) {
	t.Helper()
	tx = k.sign(f.chainID(f.chains[0].contract.Token), tx)
	return tx, textOf(t, bodyOf(&tx))
}

// transferTo is the plain transfer of the tests.
func transferTo(recipient signer) chain.Transaction {
	return chain.Transaction{Kind: chain.Transfer, Recipient: recipient.address(), Amount: 12_500_000, Memo: "rent"}
}

// signedRecord is the record that a valid transaction becomes, or what become
// makes of it.
func (fc *fakeChain) signedRecord(t chain.Transaction, become func(*chain.Record)) chain.Record {
	r := chain.Record{Kind: t.Kind, ID: t.ID, Sender: t.Sender, Recipient: t.Recipient, Memo: t.Memo, HasMemo: t.Memo != "",
		HoldUntil: t.HoldUntil, Rules: t.Rules, Time: 1_700_000_000_000_000, Auth: t.Auth}
	fee := chain.Fee(t.Amount, fc.contract.FeePPM)
	switch t.Kind {
	case chain.Transfer:
		r.BPSC, r.AmountSend, r.AmountBPSC, r.AmountReceive = fc.contract.BPSC, t.Amount, fee, t.Amount-fee
	case chain.Hold:
		r.AmountSend = t.Amount
	case chain.Accept, chain.Reject:
		h := fc.holds[t.Hold]
		h.Ended = chain.HoldDelivered
		r.Kind, r.Request, r.Hold, r.Sender, r.Recipient, r.AmountSend = chain.Delivery, t.Kind, t.Hold, h.Sender, h.Recipient, h.Amount
		if t.Kind == chain.Reject {
			h.Ended = chain.HoldRejected
			r.Kind, r.Reason, r.AmountSend, r.AmountRefund = chain.Refund, chain.Rejected, 0, h.Amount
		}
		fc.holds[t.Hold] = h
	default:
		r.Amount = t.Amount
	}
	if become != nil {
		become(&r)
	}
	if r.Kind == chain.Hold {
		fc.holds[r.ID] = chain.HoldState{Sender: r.Sender, Recipient: r.Recipient, Amount: r.AmountSend, Until: r.HoldUntil}
	}
	return r
}
