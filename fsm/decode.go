package fsm

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// ErrUnknownRequest means that the log holds something this binary does not
// know. To skip it would make this member's state another one than the rest's.
var ErrUnknownRequest = errors.New("the log holds a request that this version of bpsc does not know: upgrade this member and start it again")

// field is one field of a protobuf message: number or bytes is set, by type.
type field struct {
	num    protowire.Number
	number uint64
	bytes  []byte
}

// eachField reads the fields of a message. Only the two wire types that
// command.proto uses are known.
func eachField(b []byte, visit func(f field) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{num: num}
		switch typ {
		case protowire.VarintType:
			f.number, n = protowire.ConsumeVarint(b)
		case protowire.BytesType:
			f.bytes, n = protowire.ConsumeBytes(b)
		default:
			return fmt.Errorf("%w: wire type %d", ErrUnknownRequest, typ)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

func unknownField(message string, f field) error {
	return fmt.Errorf("%w: %s field %d", ErrUnknownRequest, message, f.num)
}

func decodeRequest(data []byte) (*request, error) {
	r := &request{}
	err := eachField(data, func(f field) error {
		if r.kind != 0 {
			return fmt.Errorf("%w: two requests in one", ErrUnknownRequest)
		}
		r.kind = requestKind(f.num)
		return r.decodeBody(f.bytes)
	})
	if err == nil && r.kind == 0 {
		err = fmt.Errorf("%w: empty", ErrUnknownRequest)
	}
	return r, err
}

func (r *request) decodeBody(body []byte) error {
	return eachField(body, func(f field) (err error) {
		switch {
		case f.num == tokenField && (r.kind == submitKind || r.kind == produceKind || r.kind == attestKind):
			r.token = string(f.bytes)
		case f.num == transactionsField && r.kind == submitKind:
			r.txs = append(r.txs, chain.Transaction{})
			err = decodeTransaction(f.bytes, &r.txs[len(r.txs)-1])
		case f.num == contractField && r.kind == createKind:
			r.contract = f.bytes
		case f.num == firstField && r.kind == createKind:
			r.first = f.number == 1
		case f.num == nodesField && r.kind == registerKind:
			r.nodes = append(r.nodes, string(f.bytes))
		case f.num == fromField && r.kind == registerKind:
			r.from = string(f.bytes)
		case f.num == nodesField && r.kind == removeKind:
			r.node = string(f.bytes)
		case f.num == memberField && r.kind == announceKind:
			r.member = string(f.bytes)
		case f.num == urlField && r.kind == announceKind:
			r.url = string(f.bytes)
		case f.num == keyField && r.kind == announceKind:
			r.key = string(f.bytes)
		case r.kind == attestKind:
			err = decodeAttestation(f, &r.attest)
		default:
			err = unknownField(fmt.Sprintf("request kind %d,", r.kind), f)
		}
		return err
	})
}

func decodeAttestation(f field, a *chain.Attestation) error {
	switch f.num {
	case attestMember:
		a.Member = string(f.bytes)
	case attestSize:
		a.Size = f.number
	case attestRoot:
		return fill(a.Root[:], f)
	case attestDigest:
		return fill(a.Digest[:], f)
	case attestCosignature:
		a.Cosignature = string(f.bytes)
	default:
		return unknownField("attestation", f)
	}
	return nil
}

func decodeTransaction(b []byte, t *chain.Transaction) error {
	return eachField(b, func(f field) error {
		switch f.num {
		case txID:
			return fill(t.ID[:], f)
		case txSender:
			t.Sender = string(f.bytes)
		case txRecipient:
			t.Recipient = string(f.bytes)
		case txAmount:
			t.Amount = chain.Amount(f.number)
		case txMemo:
			t.Memo = string(f.bytes)
		case txKind:
			t.Kind = chain.Kind(f.bytes)
		case txHoldUntil:
			t.HoldUntil = int64(f.number)
		case txHold:
			return fill(t.Hold[:], f)
		case txRules:
			t.Rules = &chain.RulesChange{}
			return decodeRules(f.bytes, t.Rules)
		case txAuth:
			t.Auth = &chain.Auth{}
			return decodeAuth(f.bytes, t.Auth)
		default:
			return unknownField("transaction", f)
		}
		return nil
	})
}

// fill copies a value of fixed size.
func fill(dst []byte, f field) error {
	if len(f.bytes) != len(dst) {
		return fmt.Errorf("%w: field %d has %d bytes, not %d", ErrUnknownRequest, f.num, len(f.bytes), len(dst))
	}
	copy(dst, f.bytes)
	return nil
}

func decodeRules(b []byte, p *chain.RulesChange) error {
	return eachField(b, func(f field) error {
		amount := chain.Amount(f.number)
		switch f.num {
		case rulesReceive:
			receive := chain.Receive(f.bytes)
			p.Receive = &receive
		case rulesPerTransfer:
			p.PerTransfer = &amount
		case rulesPerDay:
			p.PerDay = &amount
		case rulesNewKey:
			p.NewKey = &chain.PublicKey{}
			return fill(p.NewKey[:], f)
		case rulesAccount:
			p.Account = string(f.bytes)
		case rulesFrozen:
			frozen := f.number == 1
			p.Frozen = &frozen
		default:
			return unknownField("rules", f)
		}
		return nil
	})
}

func decodeAuth(b []byte, a *chain.Auth) error {
	return eachField(b, func(f field) error {
		switch f.num {
		case authNonce:
			a.Nonce = string(f.bytes)
		case authExpires:
			a.Expires = int64(f.number)
		case authPublicKey:
			return fill(a.PublicKey[:], f)
		case authSignature:
			return fill(a.Signature[:], f)
		default:
			return unknownField("auth", f)
		}
		return nil
	})
}

func decodeAnswer(data []byte) (a answer, err error) {
	err = eachField(data, func(f field) error {
		switch f.num {
		case answerRefused:
			a.refused = chain.Code(f.bytes)
		case answerDetail:
			a.detail = string(f.bytes)
		case answerOutcomes:
			o, err := decodeOutcome(f.bytes)
			a.outcomes = append(a.outcomes, o)
			return err
		case answerBlock:
			a.block = f.number
		default:
			return unknownField("answer", f)
		}
		return nil
	})
	return a, err
}

func decodeOutcome(b []byte) (o outcome, err error) {
	p := store.Placement{}
	err = eachField(b, func(f field) error {
		switch f.num {
		case outcomeBlock:
			p.Block = f.number
		case outcomePosition:
			p.Position = int(f.number)
		case outcomeRefused:
			p.Refused = chain.Code(f.bytes)
		case outcomeReplay:
			o.replay = f.number == 1
		case outcomeCompleted:
			o.completed = f.number == 1
		case outcomeRecord:
			o.record = f.bytes
		default:
			return unknownField("outcome", f)
		}
		return nil
	})
	o.placement = p
	return o, err
}
