package intake

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

const transferAB = `{"sender":"wallet-a","amount":1000000,"recipient":"wallet-b"}`

func openContract() chain.Contract {
	c := chain.DefaultContract()
	c.Token, c.Wallets, c.BPSC = "aka", chain.OpenWallets, chain.OpenBPSC
	return c
}

func signedContract() chain.Contract {
	c := chain.DefaultContract()
	c.Token, c.BPSC, c.Issuer = "aka", chain.BPSCAddress("aka"), public().Address()
	return c
}

var kinds = []chain.Kind{chain.Transfer, chain.Hold, chain.Accept, chain.Reject, chain.Rules, chain.Issue, chain.Spend, chain.Burn}

// signedBody is a transaction of a kind that is signed badly, and else well.
func signedBody(kind chain.Kind) string {
	m := map[string]any{"kind": kind, "sender": public().Address(), "nonce": strings.Repeat("0f", 16), "expires": 1_700_000_600,
		"public_key": chain.Hash(public()).String(), "signature": strings.Repeat("00", 64)}
	needs, takes := kind.Asks()
	for field, value := range map[chain.Field]any{
		chain.FieldRecipient: chain.PublicKey{1}.Address(), chain.FieldAmount: 12.5, chain.FieldHold: strings.Repeat("0f", 32),
		chain.FieldHoldUntil: 1_700_003_600, chain.FieldReceive: "approve", chain.FieldPerDay: "7",
	} {
		if (needs|takes)&field.Set() != 0 {
			m[field.String()] = value
		}
	}
	text, err := json.Marshal(m)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// requireCode checks that a refusal has a stable code.
func requireCode(t *testing.T, err error) {
	t.Helper()
	var ledger chain.Code
	if _, own := outcome.Of(err); !own {
		require.ErrorAs(t, err, &ledger)
		require.NotEmpty(t, ledger)
	}
}

// FuzzTransactionBody checks that whatever the parser accepts is valid, is
// JSON to another reader, and says the same there.
func FuzzTransactionBody(f *testing.F) {
	for _, body := range []string{transferAB, `{}`, `[]`, `{"sender":"a","sender":"b"}`, `{"sender":"a\ud800","amount":NaN}`,
		`{"x":[[[{}]]],"sender":null,"amount":1e999}`, `{"contract":1,"memo":1,"amount":true,"recipient":["b"]}`,
		`{"token":"t","holdUntil":1,"sender":"a","amount":"1e-7","recipient":"b"}`} {
		f.Add([]byte(body))
	}
	f.Add([]byte(`{"sender":"\ud83d\ude00","amount":"1.50","recipient":"b","memo":"m","contract":"aka"}`))
	contract := openContract()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, lenient := range []bool{false, true} {
			drafts, _, err := new(Reader).Transaction(body, Envelope{Lenient: lenient})
			if err != nil {
				continue
			}
			if err := drafts[0].complete(&contract); err != nil {
				requireCode(t, err)
				continue
			}
			tx := &drafts[0].Tx
			require.NoError(t, tx.Validate(&contract))
			require.True(t, utf8.ValidString(tx.Sender+tx.Recipient+tx.Memo))
			var other struct{ Sender, Recipient, Memo json.RawMessage }
			require.NoError(t, json.Unmarshal(body, &other))
		}
	})
}

// FuzzBatchBody checks that every item of a batch that can be read is either a
// valid transaction or refused with a code.
func FuzzBatchBody(f *testing.F) {
	f.Add([]byte(`{"transactions":[` + transferAB + `,7,{"key":"k"}],"contract":"aka"}`))
	f.Add([]byte(`{"transactions":[]}`))
	f.Add([]byte(`{"transactions":{}}`))
	contract := openContract()
	f.Fuzz(func(t *testing.T, body []byte) {
		drafts, _, err := new(Reader).Batch(body)
		if err != nil {
			requireCode(t, err)
			return
		}
		for i := range drafts {
			if err := drafts[i].complete(&contract); err != nil {
				requireCode(t, err)
			} else {
				require.NoError(t, drafts[i].Tx.Validate(&contract))
			}
		}
	})
}

func FuzzNodesBody(f *testing.F) {
	f.Add([]byte(`{"nodes":["http://127.0.0.1:5001","a:1"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		nodes, err := new(Reader).Nodes(body)
		if err != nil {
			requireCode(t, err)
			return
		}
		require.NotEmpty(t, nodes)
	})
}

func TestAmountsAreNeverFloats(t *testing.T) {
	c := openContract()
	c.Decimals = 9
	for text, want := range map[string]chain.Amount{
		`999999.999999999`:   999_999_999_999_999,
		`"999999.999999999"`: 999_999_999_999_999,
		`0.1`:                100_000_000,
		`1e-6`:               1_000,
		`1.00000000000`:      1_000_000_000,
		`"1.00000000000"`:    1_000_000_000,
		`1.5E+2`:             150_000_000_000,
		`100000.000000001`:   100_000_000_000_001,
	} {
		drafts, _, err := new(Reader).Transaction([]byte(`{"sender":"a","recipient":"b","amount":`+text+`}`), Envelope{})
		require.NoError(t, err)
		require.NoError(t, drafts[0].complete(&c), text)
		require.Equal(t, want, drafts[0].Tx.Amount, text)
	}
}

// FuzzSignedBody checks that whatever is accepted in a signed contract is
// valid, and is text in the bytes that were signed.
func FuzzSignedBody(f *testing.F) {
	for _, kind := range kinds {
		f.Add([]byte(signedBody(kind)))
	}
	f.Add([]byte(`{"kind":"rules","account":"a","frozen":true,"per_day":"0","new_key":"00"}`))
	contract := signedContract()
	f.Fuzz(func(t *testing.T, body []byte) {
		drafts, _, err := new(Reader).Transaction(body, Envelope{})
		if err != nil {
			return
		}
		if err := drafts[0].complete(&contract); err != nil {
			requireCode(t, err)
			return
		}
		tx := &drafts[0].Tx
		require.NoError(t, tx.Validate(&contract))
		signed, domain := bytes.CutPrefix(tx.AppendSigned(nil, chain.Hash{1}, contract.Decimals), []byte("bpsc/tx/v1\n"))
		require.True(t, domain)
		require.True(t, json.Valid(signed), "%s", signed)
	})
}

// Every kind's own fields make a transaction that lacks a good signature only.
func TestEachKindIsReadWhole(t *testing.T) {
	to := &Chain{Contract: signedContract(), ID: chain.Hash{7}}
	var r Reader
	c := NewChecker(nil, nil)
	for _, kind := range kinds {
		drafts, token, err := r.Transaction([]byte(signedBody(kind)), Envelope{})
		require.NoError(t, err)
		require.Empty(t, token)
		txs, err := c.Check(&r, to, drafts)
		require.NoError(t, err)
		require.Empty(t, txs)
		require.Equal(t, errNotSigned, drafts[0].Refused, kind)
		tx := &drafts[0].Tx
		require.Equal(t, kind, tx.Kind)
		require.Equal(t, chain.SignedID(tx.AppendSigned(nil, to.ID, to.Decimals)), tx.ID)
		r.Trim()
	}
}

// What one body has said is not there for the next.
func TestAReaderForgets(t *testing.T) {
	var r Reader
	full := `{"transactions":[` + strings.Repeat(signedBody(chain.Hold)+",", 9) + signedBody(chain.Rules) + `]}`
	for range 2 {
		drafts, _, err := r.Batch([]byte(full))
		require.NoError(t, err)
		require.Len(t, drafts, 10)
		require.NotNil(t, drafts[9].Tx.Rules)
		r.Trim()
		for _, d := range drafts {
			require.Zero(t, d)
		}
		drafts, _, err = r.Transaction([]byte(`{"sender":"a"}`), Envelope{})
		require.NoError(t, err)
		require.Equal(t, Draft{Tx: chain.Transaction{Sender: "a"}, have: chain.FieldSender.Set()}, drafts[0])
	}
	drafts, _, err := r.Batch([]byte(`{"transactions":[` + strings.Repeat("{},", maxKeptDrafts) + `{}]}`))
	require.NoError(t, err)
	require.Len(t, drafts, maxKeptDrafts+1)
	r.Trim()
	require.Nil(t, r.drafts)
}

func BenchmarkRead(b *testing.B) {
	c := NewChecker(rand.NewChaCha8([32]byte{}), nil)
	var r Reader
	check := func(b *testing.B, to *Chain, drafts []Draft, want error) {
		if _, err := c.Check(&r, to, drafts); err != nil || drafts[0].Refused != want {
			b.Fatal(err, drafts[0].Refused)
		}
		r.Trim()
	}
	for name, tc := range map[string]struct {
		to   *Chain
		body string
		want error
	}{
		"open":   {&Chain{Contract: openContract()}, transferAB, nil},
		"signed": {&Chain{Contract: signedContract()}, signedBody(chain.Transfer), errNotSigned},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				drafts, _, err := r.Transaction([]byte(tc.body), Envelope{})
				if err != nil {
					b.Fatal(err)
				}
				check(b, tc.to, drafts, tc.want)
			}
		})
		batch := []byte(`{"transactions":[` + strings.Repeat(tc.body+",", 999) + tc.body + `]}`)
		b.Run(name+"/batch=1000", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				drafts, _, err := r.Batch(batch)
				if err != nil {
					b.Fatal(err)
				}
				check(b, tc.to, drafts, tc.want)
			}
		})
	}
}
