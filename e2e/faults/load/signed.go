package load

import (
	"context"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/sign"
)

// Key is that of a wallet of the signed contract.
func Key(i int) sign.Key { return sign.NewKey(fmt.Sprintf("faults wallet %d", i)) }

// Issuer is the key of who begins with all of it.
func Issuer() sign.Key { return sign.NewKey("faults issuer") }

// Wallets are the addresses of the signed contract's wallets.
func Wallets() (all []string) {
	for i := range wallets {
		all = append(all, Key(i).Address)
	}
	return all
}

// envelope signs a transaction that is new.
func (w *worker) envelope(k sign.Key, kind string, f sign.Fields, op history.Op) transaction {
	var nonce [16]byte
	for i := range nonce {
		nonce[i] = byte(w.rng.Uint32())
	}
	e := w.Chain.Sign(k, sign.Fields{"kind": kind, "nonce": hex.EncodeToString(nonce[:]), "expires": time.Now().Unix() + 3600}.With(f))
	op.ID, op.Request = e.ID, kind
	return transaction{contract: Signed, body: e.Body, op: op}
}

// signed does one of the things that people do with wallets: transfers, some of more than there
// is, holds, and decisions about holds, some of which others have decided.
func (w *worker) signed(ctx context.Context) {
	from, to := Key(w.rng.IntN(wallets)), Key(w.rng.IntN(wallets))
	if from.Address == to.Address {
		return
	}
	units := int64(2 + w.rng.IntN(400_000_000)) // of a thousand million each: some have too little after a while
	op := history.Op{Sender: from.Address, To: to.Address, Units: units}
	switch p := w.rng.IntN(100); {
	case p < 45:
		got := w.insist(ctx, w.envelope(from, "transfer", sign.Fields{"recipient": to.Address, "amount": sign.Units(units)}, op))
		if got.Became == "hold" { // who gets it wants to be asked
			w.hold(got.ID, from, to)
		}
	case p < 65:
		op.Units = 1 + units/20
		until := time.Now().Unix() + 3600
		if p < 50 {
			until = time.Now().Unix() + 2 // it goes back by itself
		}
		f := sign.Fields{"recipient": to.Address, "amount": sign.Units(op.Units), "hold_until": until}
		if got := w.insist(ctx, w.envelope(from, "hold", f, op)); got.Became == "hold" {
			w.hold(got.ID, from, to)
		}
	default:
		w.decide(ctx, p < 80)
	}
}

// decide accepts or rejects one of the newest holds.
func (w *worker) decide(ctx context.Context, accept bool) {
	h, there := w.someHold()
	if !there {
		return
	}
	kind := "reject"
	if accept {
		kind = "accept"
	}
	for i := range wallets {
		if k := Key(i); k.Address == h.to {
			w.insist(ctx, w.envelope(k, kind, sign.Fields{"hold": h.id}, history.Op{Sender: h.from, To: h.to, Of: h.id}))
		}
	}
}

// hold notes one that may be decided.
func (w *worker) hold(id string, from, to sign.Key) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.holds = append(w.holds, hold{id, from.Address, to.Address})
}

func (w *worker) someHold() (hold, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.holds) == 0 {
		return hold{}, false
	}
	return w.holds[max(0, len(w.holds)-1-w.rng.IntN(20))], true
}
