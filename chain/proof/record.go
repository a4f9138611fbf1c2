package proof

import (
	"bytes"
	"fmt"

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
	s := pyjson.NewScanner(canonical)
	if err := s.Object(func(key string) error { return r.scan(s, key) }); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRecord, err)
	}
	if r.moves() && r.Amount == "" {
		return nil, fmt.Errorf("%w: it has no amount", ErrRecord)
	}
	return r, nil
}

func (r *Record) scan(s *pyjson.Scanner, key string) (err error) {
	switch key {
	case "account":
		r.Account, err = s.String()
	case "amount", "amount_send", "amount_refund":
		r.Amount, err = s.Number()
	case "amount_bpsc":
		r.Fee, err = s.Number()
	case "amount_receive":
		r.Received, err = s.Number()
	case "frozen":
		r.Frozen, err = s.Bool()
	case "hold":
		r.Hold, err = s.String()
	case "id":
		r.ID, err = s.String()
	case "kind":
		var kind string
		kind, err = s.String()
		r.Kind = chain.Kind(kind)
	case "memo":
		r.Memo, err = s.String()
	case "reason":
		r.Reason, err = s.String()
	case "recipient":
		r.Recipient, err = s.String()
	case "sender":
		r.Sender, err = s.String()
	}
	return err
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
