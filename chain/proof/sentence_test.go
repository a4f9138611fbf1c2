package proof_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestSentences(t *testing.T) {
	yes, no := true, false
	for _, c := range []struct {
		name   string
		record chain.Record
		want   string
	}{
		{"transfer", chain.Record{Kind: chain.Transfer, Sender: "a", Recipient: "b", AmountSend: 12_500_000, AmountBPSC: 625, AmountReceive: 12_499_375}, "12.5 aka from a to b"},
		{"the tutorial's own record", chain.Record{Sender: "a", Recipient: "b", AmountSend: 1}, "0.000001 aka from a to b"},
		{"a small amount of two digits", chain.Record{Kind: chain.Transfer, Sender: "a", Recipient: "b", AmountSend: 25}, "0.000025 aka from a to b"},
		{"a large amount", chain.Record{Kind: chain.Transfer, Sender: "a", Recipient: "b", AmountSend: chain.MaxUnits}, "999999999.999999 aka from a to b"},
		{"hold", chain.Record{Kind: chain.Hold, Sender: "a", Recipient: "b", AmountSend: 5_000_000, HoldUntil: 9}, "5 aka from a on hold for b"},
		{"delivery", chain.Record{Kind: chain.Delivery, Sender: "a", Recipient: "b", AmountSend: 5_000_000, Hold: chain.ID{1}}, "5 aka from a delivered to b after a hold"},
		{"refund", chain.Record{Kind: chain.Refund, Sender: "a", Recipient: "b", AmountRefund: 5_000_000, Reason: chain.Rejected}, "5 aka back to a and not to b (rejected)"},
		{"issue", chain.Record{Kind: chain.Issue, Sender: "i", Recipient: "b", Amount: 7_000_000}, "7 aka issued to b by i"},
		{"spend", chain.Record{Kind: chain.Spend, Sender: "t", Recipient: "b", Amount: 100}, "0.0001 aka of the fees paid to b by t"},
		{"burn", chain.Record{Kind: chain.Burn, Sender: "t", Amount: 7_000_000}, "7 aka of the fees burned by t"},
		{"rules", chain.Record{Kind: chain.Rules, Sender: "a", Rules: &chain.RulesChange{}}, "new rules of wallet a"},
		{"freeze", chain.Record{Kind: chain.Rules, Sender: "i", Rules: &chain.RulesChange{Account: "a", Frozen: &yes}}, "wallet a frozen by i"},
		{"release", chain.Record{Kind: chain.Rules, Sender: "i", Rules: &chain.RulesChange{Account: "a", Frozen: &no}}, "wallet a released by i"},
		{"a kind of later versions", chain.Record{Kind: "merge", Sender: "a"}, "a record of kind merge by a"},
		{"names that would read on", chain.Record{Kind: chain.Transfer, Sender: `a" to c in block 1`, Recipient: "b\n\x1b[2J\u202eß", AmountSend: 1_000_000},
			`1 aka from "a\" to c in block 1" to "b\n\u001b[2J\u202e\u00df"`},
		{"no name", chain.Record{Kind: chain.Transfer, Recipient: "b", AmountSend: 1_000_000}, `1 aka from "" to b`},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, 2, func(r *chain.Record) { *r = c.record })
			v, err := w.receipt(2, 0).Verify(w.policy())
			require.NoError(t, err)
			sentence, rest, _ := strings.Cut(v.Sentence(), " in block 2 of ")
			require.Equal(t, c.want, sentence)
			require.Equal(t, "chain aka (id "+w.pin.ID.String()+"), signed by n1, n3 of 3", rest)
		})
	}
}

func TestReadRecordKeepsTheTextsOfNumbers(t *testing.T) {
	r, err := proof.ReadRecord([]byte(`{"amount_bpsc": 5e-05, "amount_receive": 0.99995, "amount_send": 1, "hold": "h", "id": "i", "kind": "delivery", "memo": "m", "later": [1], "recipient": "b", "sender": "a"}`))
	require.ErrorIs(t, err, proof.ErrRecord, "keys out of order")
	require.Nil(t, r)
	r, err = proof.ReadRecord([]byte(`{"amount_bpsc": 5e-05, "amount_receive": 0.99995, "amount_send": 1, "hold": "h", "id": "i", "kind": "delivery", "later": [1], "memo": "m", "recipient": "b", "sender": "a"}`))
	require.NoError(t, err)
	require.Equal(t, proof.Record{ID: "i", Kind: chain.Delivery, Sender: "a", Recipient: "b", Amount: "1", Fee: "5e-05", Received: "0.99995", Memo: "m", Hold: "h"}, *r)
}

func TestReadRecordRefuses(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       error
	}{
		{"nothing", "", proof.ErrEmpty},
		{"too much", strings.Repeat(" ", chain.MaxRecordBytes+1), proof.ErrTooLarge},
		{"no JSON", "x", proof.ErrRecord},
		{"no object", "[]", proof.ErrRecord},
		{"other white space", `{"amount_send":1}`, proof.ErrRecord},
		{"another spelling of a number", `{"amount_send": 1.50}`, proof.ErrRecord},
		{"an amount that is text", `{"amount_send": "1"}`, proof.ErrRecord},
		{"a kind that is a number", `{"amount_send": 1, "kind": 1}`, proof.ErrRecord},
		{"a transfer of nothing", `{"kind": "transfer"}`, proof.ErrRecord},
		{"trailing bytes", `{"amount_send": 1} `, proof.ErrRecord},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := proof.ReadRecord([]byte(c.text))
			require.ErrorIs(t, err, c.want)
		})
	}
}
