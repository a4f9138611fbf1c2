package chain

import (
	"github.com/bpsc/bpsc/chain/pyjson"
)

// scanRecord reads one record; see AppendRecord for the members.
func scanRecord(s *pyjson.Scanner, r *Record, decimals int) error {
	*r = Record{}
	return s.Object(func(key string) error {
		known, err := r.scanMember(s, key, decimals)
		if !known && err == nil {
			known, err = r.scanSignedMember(s, key, decimals)
		}
		if !known && err == nil {
			err = unknownKey(key)
		}
		return inField(key, err)
	})
}

// scanMember reads the members that records of open contracts have.
func (r *Record) scanMember(s *pyjson.Scanner, key string, decimals int) (known bool, err error) {
	switch key {
	case "amount_bpsc":
		r.AmountBPSC, err = scanAmount(s, decimals)
	case "amount_receive":
		r.AmountReceive, err = scanAmount(s, decimals)
	case "amount_send":
		r.AmountSend, err = scanAmount(s, decimals)
	case "bpsc":
		r.BPSC, err = s.String()
	case "id":
		r.ID, err = scanHash(s)
	case "kind":
		err = scanText(s, &r.Kind)
	case "memo":
		r.HasMemo = true
		r.Memo, err = s.String()
	case "recipient":
		r.Recipient, err = s.String()
	case "sender":
		r.Sender, err = s.String()
	default:
		return false, nil
	}
	return true, err
}

// scanSignedMember reads the members that only signed contracts have.
func (r *Record) scanSignedMember(s *pyjson.Scanner, key string, decimals int) (known bool, err error) {
	switch key {
	case "amount":
		r.Amount, err = scanAmount(s, decimals)
	case "amount_refund":
		r.AmountRefund, err = scanAmount(s, decimals)
	case "hold":
		r.Hold, err = scanHash(s)
	case "hold_until":
		r.HoldUntil, err = scanInt[Seconds](s)
	case "reason":
		err = scanText(s, &r.Reason)
	case "request":
		err = scanText(s, &r.Request)
	case "time":
		r.Time, err = scanTimestamp(s)
	case "expires":
		r.auth().Expires, err = scanInt[Seconds](s)
	case "nonce":
		r.auth().Nonce, err = s.String()
	case "public_key":
		var h Hash
		h, err = scanHash(s)
		r.auth().PublicKey = PublicKey(h)
	case "signature":
		var text string
		if text, err = s.String(); err == nil {
			r.auth().Signature, err = ParseSignature(text)
		}
	default:
		return r.scanRulesMember(s, key, decimals)
	}
	return true, err
}

func (r *Record) scanRulesMember(s *pyjson.Scanner, key string, decimals int) (known bool, err error) {
	p := r.Rules
	if p == nil {
		p = &RulesChange{}
	}
	if known, err = p.scanMember(s, key, decimals); known {
		r.Rules = p
	}
	return known, err
}

// scanMember reads one member of a change; known is false for any other key.
func (p *RulesChange) scanMember(s *pyjson.Scanner, key string, decimals int) (known bool, err error) {
	switch key {
	case "account":
		p.Account, err = s.String()
	case "frozen":
		var frozen bool
		frozen, err = s.Bool()
		p.Frozen = &frozen
	case "new_key":
		var h Hash
		h, err = scanHash(s)
		p.NewKey = (*PublicKey)(&h)
	case "per_day":
		p.PerDay, err = scanLimit(s, decimals)
	case "per_transfer":
		p.PerTransfer, err = scanLimit(s, decimals)
	case "receive":
		var receive Receive
		err = scanText(s, &receive)
		p.Receive = &receive
	default:
		return false, nil
	}
	return true, err
}

func scanLimit(s *pyjson.Scanner, decimals int) (*Amount, error) {
	a, err := scanAmount(s, decimals)
	return &a, err
}

// auth returns r.Auth, made if need be.
func (r *Record) auth() *Auth {
	if r.Auth == nil {
		r.Auth = &Auth{}
	}
	return r.Auth
}

// scanAmount reads an amount of a record, which unlike a client's may be
// nothing.
func scanAmount(s *pyjson.Scanner, decimals int) (Amount, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	return parseUnits(text, decimals)
}

func scanHash(s *pyjson.Scanner) (Hash, error) {
	text, err := s.String()
	if err != nil {
		return Hash{}, err
	}
	return ParseHash(text)
}
