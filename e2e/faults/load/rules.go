package load

import (
	"context"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/sign"
)

// rule has an owner change the rules of a wallet, or the issuer freeze or thaw it: what others
// send from it or to it depends on these.
func (w *worker) rule(ctx context.Context) {
	who, owner := Key(w.rng.IntN(wallets)), history.Op{}
	set := sign.Fields{}
	switch w.rng.IntN(3) {
	case 0:
		set["receive"] = []string{"auto", "auto", "auto", "auto", "approve", "closed"}[w.rng.IntN(6)]
	case 1:
		most := int64(0) // none
		if w.rng.IntN(3) == 0 {
			most = int64(1 + w.rng.IntN(400_000_000))
		}
		set["per_transfer"] = sign.Units(most)
	default:
		set["account"], set["frozen"] = who.Address, w.rng.IntN(6) == 0
		who = Issuer()
	}
	owner.Sender = who.Address
	w.insist(ctx, w.envelope(who, "rules", set, owner))
}
