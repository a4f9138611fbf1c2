package wallet

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/bpsc/bpsc/chain"
)

// What Sign refuses: it would make a signature that no ledger takes.
var (
	// ErrNotSender: the transaction's sender is not the key's address.
	ErrNotSender = errors.New("wallet: the sender is not the address of this key")
	// ErrIncomplete: nonce or expires is not set.
	ErrIncomplete = errors.New("wallet: nonce and expires must be set before signing")
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
