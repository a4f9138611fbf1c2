package chain

import (
	"strings"
	"testing"
)

// benchRecords are a record of an open contract, one of a signed one and one of
// the rare ones.
func benchRecords() map[string]*Record {
	auth := &Auth{Nonce: strings.Repeat("0a", 16), Expires: 1_800_000_100, PublicKey: PublicKey(DeriveID(nil)), Signature: Signature{1, 2}}
	limit := Amount(1_000_000)
	open := Record{Kind: Transfer, ID: DeriveID(nil), BPSC: OpenBPSC, Sender: "wallet-123", Recipient: "wallet-4567",
		AmountSend: 12_500_000, AmountBPSC: 625, AmountReceive: 12_499_375}
	signed := open
	signed.BPSC, signed.Sender, signed.Recipient = BPSCAddress("aka"), BPSCAddress("a"), BPSCAddress("b")
	signed.Auth, signed.Time, signed.Memo, signed.HasMemo = auth, 1_800_000_000_123_456, "rent, May", true
	rules := Record{Kind: Rules, ID: DeriveID(nil), Sender: BPSCAddress("a"), Auth: auth, Time: signed.Time,
		Rules: &RulesChange{PerDay: &limit, PerTransfer: &limit}}
	return map[string]*Record{"open": &open, "signed": &signed, "rules": &rules}
}

func BenchmarkAppendRecord(b *testing.B) {
	for name, r := range benchRecords() {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				copied := *r // which must stay on the stack
				dst = AppendRecord(dst[:0], &copied, 6)
			}
		})
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	for name, r := range benchRecords() {
		text := AppendRecord(nil, r, 6)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := DecodeRecord(text, 6); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkAppendSigned(b *testing.B) {
	t, _ := benchRecords()["signed"].Transaction()
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = t.AppendSigned(dst[:0], Hash{1}, 6)
	}
}

func BenchmarkValidate(b *testing.B) {
	t, _ := benchRecords()["signed"].Transaction()
	c := DefaultContract()
	c.BPSC = BPSCAddress(c.Token)
	b.ReportAllocs()
	for b.Loop() {
		if err := t.Validate(&c); err != nil {
			b.Fatal(err)
		}
	}
}
