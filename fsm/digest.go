package fsm

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// foldRoom has room for nearly all changes, and the digest before them.
type foldRoom [384]byte

// begin is the start of what is hashed: the digest so far. Behind it comes a change: a
// kind, and then parts that are fixed in size or carry their length.
func (room *foldRoom) begin(h *store.Head, kind byte) []byte {
	return append(append(room[:0], h.Digest[:]...), kind)
}

// fold makes what begin has begun the digest.
func fold(h *store.Head, change []byte) { h.Digest = sha256.Sum256(change) }

func foldAccount(h *store.Head, name string, now chain.Account) {
	var room foldRoom
	b := appendText(room.begin(h, 'a'), name)
	b = binary.AppendVarint(b, int64(now.Balance))
	b = binary.AppendUvarint(b, now.Records)
	if now.Wallet != nil {
		b = appendWallet(b, now.Wallet)
	}
	fold(h, b)
}

func appendWallet(b []byte, w *chain.Wallet) []byte {
	b = append(b, w.Key[:]...)
	if w.Frozen {
		b = append(b, 'f')
	}
	b = appendText(b, string(w.Receive))
	for _, limit := range []chain.Limit{w.PerTransfer, w.PerDay} {
		b = binary.AppendVarint(b, int64(limit.Amount))
		b = binary.AppendVarint(b, int64(limit.Next))
		b = binary.AppendVarint(b, int64(limit.NextAt))
	}
	return binary.AppendVarint(binary.AppendVarint(b, w.Day), int64(w.Spent))
}

func foldHold(h *store.Head, id chain.ID, s chain.HoldState) {
	var room foldRoom
	b := appendText(appendText(append(room.begin(h, 'h'), id[:]...), s.Sender), s.Recipient)
	b = binary.AppendVarint(binary.AppendVarint(b, int64(s.Amount)), int64(s.Until))
	fold(h, appendText(b, string(s.Ended)))
}

func foldRefusal(h *store.Head, id chain.ID, p store.Placement) {
	var room foldRoom
	b := append(append(room.begin(h, 'r'), id[:]...), p.Content[:]...)
	fold(h, appendText(b, string(p.Refused)))
}

// foldPolicy makes members that go by different policies have different digests. The
// first policy is not folded: it may come at different indexes on members that were
// upgraded at different ones.
func foldPolicy(h *store.Head, p *store.Policy) {
	var room foldRoom
	b := binary.AppendUvarint(room.begin(h, 'p'), uint64(p.Number))
	for _, s := range p.Members {
		b = appendText(appendText(b, s.Member), s.Key)
	}
	fold(h, b)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
