package fsm

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/bpsc/bpsc/chain"
)

// Numbers of the fields of command.proto that are not request kinds.
const (
	tokenField        = 1
	transactionsField = 2

	txID        = 1
	txSender    = 2
	txRecipient = 3
	txAmount    = 4
	txMemo      = 5
	txKind      = 6
	txHoldUntil = 7
	txHold      = 8
	txRules     = 9
	txAuth      = 10

	rulesReceive     = 1
	rulesPerTransfer = 2
	rulesPerDay      = 3
	rulesNewKey      = 4
	rulesAccount     = 5
	rulesFrozen      = 6

	authNonce     = 1
	authExpires   = 2
	authPublicKey = 3
	authSignature = 4

	contractField = 1
	firstField    = 2
	nodesField    = 1
	fromField     = 2
	memberField   = 1
	urlField      = 2
	keyField      = 3

	attestMember      = 2
	attestSize        = 3
	attestRoot        = 4
	attestDigest      = 5
	attestCosignature = 6

	answerRefused  = 1
	answerDetail   = 2
	answerOutcomes = 3
	answerBlock    = 4

	outcomeBlock     = 1
	outcomePosition  = 2
	outcomeRefused   = 3
	outcomeReplay    = 4
	outcomeCompleted = 5
	outcomeRecord    = 6
)

// encode writes the request; see command.proto.
func (r *request) encode() []byte {
	var body []byte
	switch r.kind {
	case submitKind:
		body = appendString(body, tokenField, r.token)
		var buf []byte
		for i := range r.txs {
			buf = appendTransaction(buf[:0], &r.txs[i])
			body = appendBytes(body, transactionsField, buf)
		}
	case produceKind:
		body = appendString(body, tokenField, r.token)
	case createKind:
		body = appendBytes(body, contractField, r.contract)
		if r.first {
			body = appendUint(body, firstField, 1)
		}
	case registerKind:
		for _, n := range r.nodes {
			body = appendString(body, nodesField, n)
		}
		body = appendString(body, fromField, r.from)
	case removeKind:
		body = appendString(body, nodesField, r.node)
	case announceKind:
		body = appendString(appendString(body, memberField, r.member), urlField, r.url)
		if r.key != "" {
			body = appendString(body, keyField, r.key)
		}
	case attestKind:
		body = appendAttestation(appendString(body, tokenField, r.token), &r.attest)
	}
	return appendBytes(make([]byte, 0, len(body)+8), protowire.Number(r.kind), body)
}

func appendTransaction(b []byte, t *chain.Transaction) []byte {
	b = appendBytes(b, txID, t.ID[:])
	b = appendString(b, txSender, t.Sender)
	b = appendString(b, txRecipient, t.Recipient)
	b = appendUint(b, txAmount, uint64(t.Amount))
	if t.Memo != "" {
		b = appendString(b, txMemo, t.Memo)
	}
	if t.Auth == nil {
		return b
	}
	b = appendString(b, txKind, string(t.Kind))
	if t.HoldUntil != 0 {
		b = appendUint(b, txHoldUntil, uint64(t.HoldUntil))
	}
	if !t.Hold.IsZero() {
		b = appendBytes(b, txHold, t.Hold[:])
	}
	if t.Rules != nil {
		b = appendBytes(b, txRules, appendRules(nil, t.Rules))
	}
	return appendBytes(b, txAuth, appendAuth(nil, t.Auth))
}

func appendAttestation(b []byte, a *chain.Attestation) []byte {
	b = appendString(b, attestMember, a.Member)
	b = appendUint(b, attestSize, a.Size)
	b = appendBytes(b, attestRoot, a.Root[:])
	b = appendBytes(b, attestDigest, a.Digest[:])
	return appendString(b, attestCosignature, a.Cosignature)
}

func appendRules(b []byte, p *chain.RulesChange) []byte {
	if p.Receive != nil {
		b = appendString(b, rulesReceive, string(*p.Receive))
	}
	if p.PerTransfer != nil {
		b = appendUint(b, rulesPerTransfer, uint64(*p.PerTransfer))
	}
	if p.PerDay != nil {
		b = appendUint(b, rulesPerDay, uint64(*p.PerDay))
	}
	if p.NewKey != nil {
		b = appendBytes(b, rulesNewKey, p.NewKey[:])
	}
	if p.Account != "" {
		b = appendString(b, rulesAccount, p.Account)
	}
	if p.Frozen != nil {
		b = appendUint(b, rulesFrozen, protowire.EncodeBool(*p.Frozen))
	}
	return b
}

func appendAuth(b []byte, a *chain.Auth) []byte {
	b = appendString(b, authNonce, a.Nonce)
	b = appendUint(b, authExpires, uint64(a.Expires))
	b = appendBytes(b, authPublicKey, a.PublicKey[:])
	return appendBytes(b, authSignature, a.Signature[:])
}

// encode writes the answer; see command.proto.
func (a *answer) encode() []byte {
	b := []byte{} // nil is no answer
	if a.refused != "" {
		b = appendString(appendString(b, answerRefused, string(a.refused)), answerDetail, a.detail)
	}
	var buf []byte
	for i := range a.outcomes {
		buf = appendOutcome(buf[:0], &a.outcomes[i])
		b = appendBytes(b, answerOutcomes, buf)
	}
	if a.block > 0 {
		b = appendUint(b, answerBlock, a.block)
	}
	return b
}

func appendOutcome(b []byte, o *outcome) []byte {
	if o.placement.Refused != "" {
		b = appendString(b, outcomeRefused, string(o.placement.Refused))
	} else {
		b = appendUint(b, outcomeBlock, o.placement.Block)
		b = appendUint(b, outcomePosition, uint64(o.placement.Position))
	}
	if o.replay {
		b = appendUint(b, outcomeReplay, 1)
	}
	if o.completed {
		b = appendUint(b, outcomeCompleted, 1)
	}
	if o.record != nil {
		b = appendBytes(b, outcomeRecord, o.record)
	}
	return b
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendBytes(b []byte, field protowire.Number, v []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), v)
}

func appendUint(b []byte, field protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), v)
}
