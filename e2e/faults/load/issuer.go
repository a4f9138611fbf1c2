package load

import (
	"context"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/sign"
)

// issue has the issuer make tokens, and spend or burn fees, at times more than there are.
func (w *worker) issue(ctx context.Context) {
	op := history.Op{Sender: Issuer().Address, To: Key(w.rng.IntN(wallets)).Address, Units: int64(1 + w.rng.IntN(200_000))}
	kind := []string{"issue", "spend", "burn"}[w.rng.IntN(3)]
	f := sign.Fields{"amount": sign.Units(op.Units)}
	if kind == "burn" {
		op.To = ""
	} else {
		f["recipient"] = op.To
	}
	w.insist(ctx, w.envelope(Issuer(), kind, f, op))
}
