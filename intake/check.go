package intake

import (
	"encoding/hex"
	"fmt"
	"io"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/admitted"
)

// Chain is what nobody can change about a chain: its contract, and the hash of
// its first block.
type Chain struct {
	chain.Contract
	ID chain.Hash
}

// Checker makes drafts the transactions of a chain. Any goroutines may use it at
// once, each with its own Reader.
type Checker struct {
	random     io.Reader
	signatures *verifier
	admitted   *admitted.Signatures // nil: nobody asks for them
}

// NewChecker returns a checker that draws keys from random, and adds the signatures that
// are good to known, which may be nil.
func NewChecker(random io.Reader, known *admitted.Signatures) *Checker {
	return &Checker{random: random, signatures: newVerifier(), admitted: known}
}

// Check completes the drafts that r has read and gives each its id; signatures
// are good where the contract wants any: the ledger does not look at them again.
// It returns the transactions of the drafts that are not refused, in their order.
func (c *Checker) Check(r *Reader, to *Chain, drafts []Draft) ([]chain.Transaction, error) {
	txs := make([]chain.Transaction, 0, len(drafts))
	r.checks, r.signed = r.checks[:0], r.signed[:0]
	for i := range drafts {
		d := &drafts[i]
		if d.Refused = d.complete(&to.Contract); d.Refused != nil {
			continue
		}
		if to.Wallets == chain.SignedWallets {
			r.sign(d, to)
		} else if err := c.identify(r, d); err != nil {
			return nil, err
		}
		txs = append(txs, d.Tx)
	}
	if err := c.signatures.check(r.checks); err != nil {
		return nil, err
	}
	txs = goodOnes(r.checks, drafts, txs)
	if len(r.checks) > 0 {
		c.remember(txs)
	}
	return txs, nil
}

// remember says of signed transactions that their signatures were verified. Their ids
// were made of what was signed.
func (c *Checker) remember(txs []chain.Transaction) {
	if c.admitted == nil {
		return
	}
	good := make([]admitted.Signature, len(txs))
	for i := range txs {
		good[i] = admitted.Signature{Message: txs[i].ID, Key: txs[i].Auth.PublicKey, Signature: txs[i].Auth.Signature}
	}
	c.admitted.Add(good)
}

// identify gives an open transaction the id that follows from its idempotency
// key. One that came without gets a key: the text of 32 random bytes, so that a
// client that is told it can send the transaction again.
func (c *Checker) identify(r *Reader, d *Draft) error {
	if d.key != "" {
		d.Tx.ID = chain.DeriveID([]byte(d.key))
		return nil
	}
	if _, err := io.ReadFull(c.random, r.random[:]); err != nil {
		return err
	}
	hex.Encode(r.drawn[:], r.random[:])
	d.Drawn, d.Tx.ID = string(r.drawn[:]), chain.DeriveID(r.drawn[:])
	return nil
}

// sign gives a signed transaction the id that follows from what is signed, and
// puts its signature among those to check. Messages that were there before the
// buffer grew keep the memory that they were written to.
func (r *Reader) sign(d *Draft, to *Chain) {
	begin := len(r.signed)
	r.signed = d.Tx.AppendSigned(r.signed, to.ID, to.Decimals)
	message := r.signed[begin:len(r.signed):len(r.signed)]
	d.Tx.ID = chain.SignedID(message)
	r.checks = append(r.checks, check{Signed: chain.Signed{Key: d.Tx.Auth.PublicKey, Signature: d.Tx.Auth.Signature, Message: message}})
}

// errNotSigned says what was looked at: a client that signed something else
// cannot know what.
var errNotSigned = fmt.Errorf("%w: it is not by public_key over these fields and the id of this chain", chain.SignatureInvalid)

// goodOnes refuses the drafts whose signature is not good and returns the
// transactions of the others. There is one check for each draft that was not
// refused, or none where nothing is signed.
func goodOnes(checks []check, drafts []Draft, txs []chain.Transaction) []chain.Transaction {
	if len(checks) == 0 {
		return txs
	}
	kept, next := txs[:0], 0
	for i := range drafts {
		switch {
		case drafts[i].Refused != nil:
			continue
		case checks[next].good:
			kept = append(kept, txs[next])
		default:
			drafts[i].Refused = errNotSigned
		}
		next++
	}
	return kept
}
