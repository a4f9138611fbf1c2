package fsm

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// fold makes change part of the digest. Changes are a kind, and then parts
// that are fixed in size or carry their length.
func fold(h *store.Head, change []byte) {
	var buf [512]byte
	h.Digest = sha256.Sum256(append(append(buf[:0], h.Digest[:]...), change...))
}

func foldAccount(h *store.Head, name string, now chain.Account) {
	var buf [256]byte
	b := appendText(append(buf[:0], 'a'), name)
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
	b := appendText(appendText(append([]byte{'h'}, id[:]...), s.Sender), s.Recipient)
	b = binary.AppendVarint(binary.AppendVarint(b, int64(s.Amount)), int64(s.Until))
	fold(h, appendText(b, string(s.Ended)))
}

func foldRefusal(h *store.Head, id chain.ID, p store.Placement) {
	b := append(append([]byte{'r'}, id[:]...), p.Content[:]...)
	fold(h, appendText(b, string(p.Refused)))
}

// foldPolicy makes members that go by different policies have different digests. The
// first policy is not folded: it may come at different indexes on members that were
// upgraded at different ones.
func foldPolicy(h *store.Head, p *store.Policy) {
	b := binary.AppendUvarint([]byte{'p'}, uint64(p.Number))
	for _, s := range p.Members {
		b = appendText(appendText(b, s.Member), s.Key)
	}
	fold(h, b)
}

func appendText(b []byte, text string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}
