package api

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
)

// errNotSigned says what was looked at: a client that signed something else
// cannot know what.
var errNotSigned = fmt.Errorf("%w: it is not by public_key over these fields and the id of this chain", chain.SignatureInvalid)

// authenticate gives a signed transaction the id that follows from what is
// signed, and checks the signature: the ledger does not look at it again.
func (s *memberServer) authenticate(w *work, contract *knownContract, tx *chain.Transaction) error {
	w.signed = tx.AppendSigned(w.signed[:0], contract.chainID, contract.Decimals)
	tx.ID = chain.SignedID(w.signed)
	one := []check{{Signed: chain.Signed{Key: tx.Auth.PublicKey, Signature: tx.Auth.Signature, Message: w.signed}}}
	if err := s.signature.check(one); err != nil {
		return err
	}
	if !one[0].good {
		return errNotSigned
	}
	return nil
}

// checkSignedBatch is checkBatch for a signed contract. A bad signature refuses
// its own item only.
func (s *memberServer) checkSignedBatch(contract *knownContract, items []batchItem) ([]chain.Transaction, error) {
	txs := make([]chain.Transaction, 0, len(items))
	checks := make([]check, 0, len(items))
	var text []byte // of all messages; those before a growth keep the memory they were written to
	for i := range items {
		item := &items[i]
		tx, err := item.transaction(&contract.Contract)
		if err != nil {
			item.refused = err
			continue
		}
		begin := len(text)
		text = tx.AppendSigned(text, contract.chainID, contract.Decimals)
		message := text[begin:len(text):len(text)]
		item.id = chain.SignedID(message)
		tx.ID = item.id
		txs = append(txs, tx)
		checks = append(checks, check{Signed: chain.Signed{Key: tx.Auth.PublicKey, Signature: tx.Auth.Signature, Message: message}})
	}
	if err := s.signature.check(checks); err != nil {
		return nil, err
	}
	return goodOnes(items, txs, checks), nil
}

// goodOnes refuses the items whose signature is not good and returns the
// transactions of the others. There is one check for each item not refused.
func goodOnes(items []batchItem, txs []chain.Transaction, checks []check) []chain.Transaction {
	kept, next := txs[:0], 0
	for i := range items {
		if items[i].refused != nil {
			continue
		}
		if checks[next].good {
			kept = append(kept, txs[next])
		} else {
			items[i].refused = errNotSigned
		}
		next++
	}
	return kept
}
