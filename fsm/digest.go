package fsm

import (
	"encoding/binary"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// A change is a kind, and then parts that are fixed in size or carry their length.

// changeRoom has room for nearly all changes.
type changeRoom [320]byte

func foldAccount(tx *store.Tx, h *store.Head, name string, now chain.Account) {
	var room changeRoom
	b := appendText(append(room[:0], 'a'), name)
	b = binary.AppendVarint(b, int64(now.Balance))
	b = binary.AppendUvarint(b, now.Records)
	if now.Wallet != nil {
		b = appendWallet(b, now.Wallet)
	}
	tx.Fold(h, b)
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

func foldHold(tx *store.Tx, h *store.Head, id chain.ID, s chain.HoldState) {
	var room changeRoom
	b := appendText(appendText(append(append(room[:0], 'h'), id[:]...), s.Sender), s.Recipient)
	b = binary.AppendVarint(binary.AppendVarint(b, int64(s.Amount)), int64(s.Until))
	tx.Fold(h, appendText(b, string(s.Ended)))
}

func foldRefusal(tx *store.Tx, h *store.Head, id chain.ID, p store.Placement) {
	var room changeRoom
	b := append(append(append(room[:0], 'r'), id[:]...), p.Content[:]...)
	tx.Fold(h, appendText(b, string(p.Refused)))
}

// foldPolicy makes members that go by different policies have different digests. The
// first policy is not folded: it may come at different indexes on members that were
// upgraded at different ones.
func foldPolicy(tx *store.Tx, h *store.Head, p *store.Policy) {
	var room changeRoom
	b := binary.AppendUvarint(append(room[:0], 'p'), uint64(p.Number))
	for _, s := range p.Members {
		b = appendText(appendText(b, s.Member), s.Key)
	}
	tx.Fold(h, b)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
