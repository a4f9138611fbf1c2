package load

import (
	"context"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/sign"
)

// stolen is what somebody tries to send with an old key, in units.
const stolen = 1000

// rotate gives a wallet another key, or has somebody try the one before. Of all clients this one alone
// rotates keys, so a key that is wrong for a rotation is one that it has rotated without hearing of it.
func (w *worker) rotate(ctx context.Context) {
	i := w.rng.IntN(wallets)
	w.mu.Lock()
	n := w.rotations[i]
	w.mu.Unlock()
	if n > 0 && w.rng.IntN(3) > 0 {
		op := history.Op{Sender: Key(i).Address, To: Key((i + 1) % wallets).Address, Units: stolen}
		w.insist(ctx, w.envelope(after(i, n-1), "transfer", sign.Fields{"recipient": op.To, "amount": sign.Units(stolen)}, op))
		return
	}
	set := sign.Fields{"new_key": after(i, n+1).Public}
	got := w.insist(ctx, w.envelope(after(i, n), "rules", set, history.Op{Sender: Key(i).Address}))
	if got.Verdict == history.Done || got.Code == "key_wrong" {
		w.mu.Lock()
		w.rotations[i] = n + 1
		w.mu.Unlock()
	}
}
