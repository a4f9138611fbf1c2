// Package decision is what an answer says of transactions: what the ledger decided, in which
// place its record stands, and the record as it stands, or will stand, in the block.
package decision

import (
	"github.com/bpsc/bpsc/api/jsonobject"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// What the id of a transaction is said to be. All but unknown and pending are
// terminal: they never change.
const (
	Pending = "pending" // a hold that nobody has decided
	Expired = "expired" // never applied, and too late now
	unknown = "unknown" // not applied here; it may yet be
	final   = "final"
	refused = "refused" // for good
)

// AppendTransaction writes what was decided about a transaction: its place and
// its record as it stands, or will stand, in the block. resolved is how it ended
// if it is a hold.
func AppendTransaction(dst []byte, contract *intake.Chain, o *chain.Outcome, resolved chain.Code) []byte {
	dst = jsonobject.AppendHash(dst, "id", o.Record.ID)
	dst = appendDecision(dst, &o.Record, resolved)
	dst = jsonobject.AppendText(dst, "contract", contract.Token)
	dst = jsonobject.AppendUint(dst, "block", o.Block)
	dst = jsonobject.AppendUint(dst, "position", uint64(o.Position))
	dst = chain.AppendRecord(jsonobject.AppendKey(dst, "record"), &o.Record, contract.Decimals)
	if o.AppliedIndex == 0 {
		return dst // a follower has no log
	}
	return jsonobject.AppendUint(dst, "applied_index", o.AppliedIndex)
}

// AppendMoved writes, after the tutorial's message, what moved and where it
// stands. In an open contract, as in the tutorial, that is the same fields each
// time; a record of a signed one may be of any kind.
func AppendMoved(dst []byte, contract *intake.Chain, o *chain.Outcome, resolved chain.Code) []byte {
	signed := contract.Wallets == chain.SignedWallets
	dst = jsonobject.AppendHash(dst, "id", o.Record.ID)
	if signed {
		dst = appendDecision(dst, &o.Record, resolved)
	}
	dst = jsonobject.AppendUint(dst, "block", o.Block)
	dst = jsonobject.AppendUint(dst, "position", uint64(o.Position))
	for _, amount := range [...]struct {
		key    string
		value  chain.Amount
		always bool
	}{
		{"amount", o.Record.Amount, false}, {"amount_send", o.Record.AmountSend, !signed}, {"amount_bpsc", o.Record.AmountBPSC, !signed},
		{"amount_receive", o.Record.AmountReceive, !signed}, {"amount_refund", o.Record.AmountRefund, false},
	} {
		if amount.value != 0 || amount.always {
			dst = chain.AppendAmount(jsonobject.AppendKey(dst, amount.key), amount.value, contract.Decimals)
		}
	}
	return jsonobject.AppendUint(dst, "applied_index", o.AppliedIndex)
}

// AppendRefusal writes why the ledger moved nothing.
func AppendRefusal(dst []byte, code chain.Code) []byte {
	dst = jsonobject.AppendText(dst, "status", refused)
	dst = jsonobject.AppendText(dst, "code", string(code))
	return jsonobject.AppendText(dst, "detail", problem.MeaningOf(string(code)).Title)
}

// appendDecision writes what became of a transaction, which may be of another
// kind than was asked for: a transfer can become a hold or a refund. resolved
// is how a hold ended, "" while it is open or where that is not known.
func appendDecision(dst []byte, r *chain.Record, resolved chain.Code) []byte {
	status := final
	if r.Kind == chain.Hold && resolved == "" {
		status = Pending
	}
	dst = jsonobject.AppendText(dst, "status", status)
	dst = jsonobject.AppendText(dst, "kind", string(r.Kind))
	if r.Reason != "" {
		dst = jsonobject.AppendText(dst, "reason", string(r.Reason))
	}
	if r.Kind == chain.Hold {
		dst = jsonobject.AppendUint(dst, "hold_until", uint64(r.HoldUntil))
	}
	if resolved != "" {
		dst = jsonobject.AppendText(dst, "resolved", string(resolved))
	}
	return dst
}
