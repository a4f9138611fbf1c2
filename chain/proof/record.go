package proof

import (
	"bytes"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Record is what a record says of itself, read without its contract: amounts
// are the texts of JSON numbers, in tokens.
type Record struct {
	ID        string
	Kind      chain.Kind
	Sender    string
	Recipient string
	Amount    string // what moved, went on hold, came back or was created, fee included
	Fee       string
	Received  string // what reached the recipient
	Memo      string
	Reason    string // of a refund
	Hold      string // of a delivery and a refund: the id of the hold they end
	Account   string // of a freeze
	Frozen    bool   // of a freeze
	Before    string // of a recovery: the members there were
	After     string // and those that went on
}

// ReadRecord reads the canonical text of a record. Members that it does not
// know are left alone: the members of the cluster have verified them.
func ReadRecord(canonical []byte) (*Record, error) {
	if err := bounded(canonical, chain.MaxRecordBytes); err != nil {
		return nil, err
	}
	again, err := pyjson.Canonical(canonical)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if !bytes.Equal(again, canonical) {
		return nil, ErrRecord
	}
	r := &Record{}
	texts := map[string]*string{"account": &r.Account, "hold": &r.Hold, "id": &r.ID, "kind": (*string)(&r.Kind),
		"members_after": &r.After, "members_before": &r.Before,
		"memo": &r.Memo, "reason": &r.Reason, "recipient": &r.Recipient, "sender": &r.Sender}
	numbers := map[string]*string{"amount": &r.Amount, "amount_send": &r.Amount, "amount_refund": &r.Amount,
		"amount_bpsc": &r.Fee, "amount_receive": &r.Received}
	s := pyjson.NewScanner(canonical)
	err = s.Object(func(key string) (err error) {
		if text := texts[key]; text != nil {
			*text, err = s.String()
		} else if number := numbers[key]; number != nil {
			*number, err = s.Number()
		} else if key == "frozen" {
			r.Frozen, err = s.Bool()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if r.moves() && r.Amount == "" {
		return nil, fmt.Errorf("%w: it has no amount", ErrRecord)
	}
	return r, nil
}

// moves tells whether a record of this kind speaks of an amount. The
// tutorial's own records have no kind: they are transfers.
func (r *Record) moves() bool {
	switch r.Kind {
	case "", chain.Transfer, chain.Hold, chain.Delivery, chain.Refund, chain.Issue, chain.Spend, chain.Burn:
		return true
	default:
		return false
	}
}

// Sentence says in one line what was proven: "12.5 aka from a to b in block 42
// of chain aka (id 0123456789abcdef), signed by n1, n3 of 3". Nothing in a
// record can break out of its place in it.
func (v *Verified) Sentence() string {
	var b strings.Builder
	b.WriteString(v.Record.says(v.Token))
	fmt.Fprintf(&b, " in block %d of chain %s (id %s), signed by %s of %d", v.Block, v.Token, v.ChainID, names(v.Members), v.MembersInPolicy)
	if len(v.Witnesses) > 0 {
		b.WriteString(", witnessed by " + names(v.Witnesses))
	}
	return b.String()
}

// says is what the record did.
func (r *Record) says(token string) string {
	amount := decimal(r.Amount) + " " + token
	sender, recipient := bare(r.Sender), bare(r.Recipient)
	switch r.Kind {
	case "", chain.Transfer:
		return fmt.Sprintf("%s from %s to %s", amount, sender, recipient)
	case chain.Hold:
		return fmt.Sprintf("%s from %s on hold for %s", amount, sender, recipient)
	case chain.Delivery:
		return fmt.Sprintf("%s from %s delivered to %s after a hold", amount, sender, recipient)
	case chain.Refund:
		return fmt.Sprintf("%s back to %s and not to %s (%s)", amount, sender, recipient, bare(r.Reason))
	case chain.Issue:
		return fmt.Sprintf("%s issued to %s by %s", amount, recipient, sender)
	case chain.Spend:
		return fmt.Sprintf("%s of the fees paid to %s by %s", amount, recipient, sender)
	case chain.Burn:
		return fmt.Sprintf("%s of the fees burned by %s", amount, sender)
	case chain.Rules:
		return r.saysRules()
	case chain.Recovery:
		return fmt.Sprintf("the cluster went on with %s of %s, by %s (%s)", bare(r.After), bare(r.Before), sender, bare(r.Reason))
	default:
		return fmt.Sprintf("a record of kind %s by %s", bare(string(r.Kind)), sender)
	}
}

func (r *Record) saysRules() string {
	switch {
	case r.Account == "":
		return "new rules of wallet " + bare(r.Sender)
	case r.Frozen:
		return fmt.Sprintf("wallet %s frozen by %s", bare(r.Account), bare(r.Sender))
	}
	return fmt.Sprintf("wallet %s released by %s", bare(r.Account), bare(r.Sender))
}

func names(signers []Signer) string {
	var list []string
	for _, s := range signers {
		list = append(list, s.Name)
	}
	return strings.Join(list, ", ")
}

// bare writes a name as it is when it cannot be taken for anything else, and
// in quotes, in ASCII, when it has spaces, quotes or what a terminal obeys.
func bare(name string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@/+-"
	if name != "" && only(name, plain) {
		return name
	}
	return string(pyjson.AppendString(nil, name))
}

// decimal writes a canonical amount without an exponent, which it has below
// 0.0001: 2.5e-05 becomes 0.000025.
func decimal(number string) string {
	digits, places, found := strings.Cut(number, "e-0")
	if !found || len(places) != 1 || places[0] < '1' {
		return number
	}
	return "0." + strings.Repeat("0", int(places[0]-'1')) + strings.Replace(digits, ".", "", 1)
}

// RecordPath finds a record in the canonical bytes of a block and the path
// from it to the block's transactions_root.
func RecordPath(block []byte, position int) (record []byte, path []chain.Hash, err error) {
	if err := bounded(block, chain.MaxBlockBytes); err != nil {
		return nil, nil, err
	}
	var hashes []tlog.Hash // of the tree over the records, as tlog counts them
	stored := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		read := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			read[i] = hashes[at]
		}
		return read, nil
	})
	count := 0
	s := pyjson.NewScanner(block)
	err = s.Object(func(key string) error {
		if key != "transactions" {
			return nil
		}
		return s.Array(func(i int) error {
			text, err := s.Raw()
			if err != nil {
				return err
			}
			if i == position {
				record = text
			}
			count++
			added, err := tlog.StoredHashes(int64(i), text, stored)
			hashes = append(hashes, added...)
			return err
		})
	})
	switch {
	case err != nil:
		return nil, nil, err
	case record == nil:
		return nil, nil, fmt.Errorf("%w: no record %d in this block", chain.NotFound, position)
	}
	proof, err := tlog.ProveRecord(int64(count), int64(position), stored)
	return record, ours(proof), err
}

// checkRecordPath verifies that a record stands at a position of the block
// with the given header.
func checkRecordPath(l *Leaf, record []byte, position int, path []chain.Hash) error {
	if position < 0 || position >= l.Transactions {
		return fmt.Errorf("%w: record %d of %d", ErrRecordPath, position, l.Transactions)
	}
	if err := tlog.CheckRecord(hashes(path), int64(l.Transactions), tlog.Hash(l.Root), int64(position), tlog.RecordHash(record)); err != nil {
		return fmt.Errorf("%w: record %d of block %d: %w", ErrRecordPath, position, l.Index, err)
	}
	return nil
}
