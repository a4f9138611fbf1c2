package wallet

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// What is not signed: it would make a signature that no ledger takes, or one that is
// good for too long.
var (
	// ErrNotSender: the transaction's sender is not the key's address.
	ErrNotSender = errors.New("wallet: the sender is not the address of this key")
	// ErrIncomplete: nonce or expires is not set.
	ErrIncomplete = errors.New("wallet: nonce and expires must be set before signing")
	// ErrChainAhead: a server says that the chain's time is so far ahead of this
	// machine's clock that what is signed by it could be applied for longer than
	// chain.MaxExpires from now.
	ErrChainAhead = errors.New("wallet: the chain's time is far ahead of this machine's clock")
)

// nonceBytes is drawn for each transaction: enough that no two are the same by
// chance, whoever draws them.
const nonceBytes = 16

// NewNonce draws what makes two equal transactions two.
func NewNonce(random io.Reader) (string, error) {
	var nonce [nonceBytes]byte
	if _, err := io.ReadFull(random, nonce[:]); err != nil {
		return "", fmt.Errorf("wallet: drawing a nonce: %w", err)
	}
	return hex.EncodeToString(nonce[:]), nil
}

// Sign fills in tx's public key, signature and id. tx.Auth must have nonce and
// expires. The same transaction signed twice is the same bytes: Ed25519 draws
// nothing.
func (k *Key) Sign(tx *chain.Transaction, chainID chain.Hash, decimals int) error {
	if tx.Sender != k.address {
		return fmt.Errorf("%w: %s, not %s", ErrNotSender, k.address, tx.Sender)
	}
	if tx.Auth == nil || tx.Auth.Nonce == "" || tx.Auth.Expires == 0 {
		return ErrIncomplete
	}
	tx.Auth.PublicKey = k.public
	signed := tx.AppendSigned(nil, chainID, decimals)
	copy(tx.Auth.Signature[:], ed25519.Sign(k.private, signed))
	tx.ID = chain.SignedID(signed)
	return nil
}

// Verify checks that tx carries the signature of the key in it over what it
// says, for the chain named, and gives its id. It cannot know whether that key
// is still the one of tx.Sender: only the ledger does.
func Verify(tx *chain.Transaction, chainID chain.Hash, decimals int) (chain.ID, error) {
	if tx.Auth == nil {
		return chain.ID{}, fmt.Errorf("%w: it is not signed", chain.SignatureInvalid)
	}
	message := tx.AppendSigned(nil, chainID, decimals)
	signed := chain.Signed{Key: tx.Auth.PublicKey, Signature: tx.Auth.Signature, Message: message}
	if !signed.Verify() {
		return chain.ID{}, fmt.Errorf("%w: it does not fit these fields on chain %s", chain.SignatureInvalid, chainID)
	}
	return chain.SignedID(message), nil
}

// shortestValid is what a transaction needs at least to get applied.
const shortestValid = time.Minute

// Moment is when something is signed, by this machine's clock and by the chain's.
// A ledger judges by its own.
type Moment struct {
	Local time.Time
	Chain time.Time // as a server tells it; Local where nobody does

	// Trusted takes the chain's time as it is told, however far ahead.
	Trusted bool
}

// At is the moment when this machine's clock shows now.
func (m Moment) At(now time.Time) Moment {
	m.Local, m.Chain = now, m.Chain.Add(now.Sub(m.Local))
	return m
}

// Expires is the time up to which what is signed now is valid if
// that is to last for d by the chain's time. It is never later than
// chain.MaxExpires from now by the local clock, whatever servers say: else one
// could get signatures that are good for years.
func (m Moment) Expires(d time.Duration) (chain.Seconds, error) {
	expires, latest := m.Chain.Add(d), m.Local.Add(chain.MaxExpires)
	if m.Trusted || !expires.After(latest) {
		return chain.SecondsOf(expires), nil
	}
	if latest.Sub(m.Chain) < min(d, shortestValid) {
		return 0, fmt.Errorf("%w: by %s", ErrChainAhead, m.Chain.Sub(m.Local).Round(time.Second))
	}
	return chain.SecondsOf(latest), nil
}
