package pyjson_test

import (
	"os"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// transfer is a request as the ledger gets it.
const transfer = `{"sender": "alice", "amount": 1250, "recipient": "bob", "memo": "rent for May"}`

func BenchmarkAppendString(b *testing.B) {
	for name, s := range map[string]string{
		"name": "alice@example",
		"hash": strings.Repeat("0123456789abcdef", 4),
		"long": strings.Repeat("plain text, ", 85),
		"wide": strings.Repeat("日本語 ", 16),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			var dst []byte
			for b.Loop() {
				dst = pyjson.AppendString(dst[:0], s)
			}
		})
	}
}

func BenchmarkAppendFloat(b *testing.B) {
	b.ReportAllocs()
	var dst []byte
	for b.Loop() {
		dst = pyjson.AppendFloat(dst[:0], 1795361056.082559)
	}
}

func BenchmarkScanTransfer(b *testing.B) {
	src := []byte(transfer)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := scanTransfer(pyjson.NewScanner(src)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkScanBatch reads a thousand transfers with one scanner.
func BenchmarkScanBatch(b *testing.B) {
	src := []byte("[" + strings.Repeat(transfer+",", 999) + transfer + "]")
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		s := pyjson.NewScanner(src)
		err := s.Array(func(int) error {
			_, err := scanTransfer(s)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCanonical(b *testing.B) {
	src, err := os.ReadFile("../testdata/canonical-json.json")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := pyjson.Canonical(src); err != nil {
			b.Fatal(err)
		}
	}
}
