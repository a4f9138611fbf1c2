package api

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// FuzzTransactionBody checks that whatever the parser accepts is valid, is
// JSON to another reader, and says the same there.
func FuzzTransactionBody(f *testing.F) {
	f.Add([]byte(transferAB))
	for _, tc := range append(badTransactions, badBodies...) {
		if len(tc.body) < 1000 {
			f.Add([]byte(tc.body))
		}
	}
	f.Add([]byte(`{"sender":"\ud83d\ude00","amount":"1.50","recipient":"b","memo":"m","contract":"aka"}`))
	contract := openContract("aka")
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, lenient := range []bool{false, true} {
			d, _, err := scanTransaction(&work{in: body}, bodyRule{lenient: lenient})
			if err != nil {
				continue
			}
			tx, err := d.transaction(&contract)
			if err != nil {
				require.NotEqual(t, string(ErrInternal), codeOf(err), "%v", err)
				continue
			}
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
	contract := openContract("aka")
	f.Fuzz(func(t *testing.T, body []byte) {
		items, _, err := scanBatch(&work{in: body})
		if err != nil {
			require.NotEqual(t, string(ErrInternal), codeOf(err), "%v", err)
			return
		}
		for i := range items {
			tx, err := items[i].transaction(&contract)
			if err != nil {
				require.NotEqual(t, string(ErrInternal), codeOf(err), "%v", err)
			} else {
				require.NoError(t, tx.Validate(&contract))
			}
		}
	})
}

func FuzzNodesBody(f *testing.F) {
	f.Add([]byte(`{"nodes":["http://127.0.0.1:5001","a:1"]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		nodes, err := scanNodes(&work{in: body})
		if err != nil {
			require.NotEqual(t, string(ErrInternal), codeOf(err), "%v", err)
			return
		}
		require.NotEmpty(t, nodes)
	})
}

func TestAmountsAreNeverFloats(t *testing.T) {
	c := openContract("aka")
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
		d, _, err := scanTransaction(&work{in: []byte(transfer("amount", text))}, bodyRule{})
		require.NoError(t, err)
		tx, err := d.transaction(&c)
		require.NoError(t, err, text)
		require.Equal(t, want, tx.Amount, text)
	}
}

// FuzzSignedBody checks that whatever is accepted in a signed contract is
// valid, and is text in the bytes that were signed.
func FuzzSignedBody(f *testing.F) {
	ledger := newFake(signedContract("aka"))
	for kind := range kindFields {
		tx := alice.sign(ledger.chainID("aka"), plainOf(kind))
		text, err := json.Marshal(bodyOf(&tx))
		require.NoError(f, err)
		f.Add(text)
	}
	f.Add([]byte(`{"kind":"rules","account":"a","frozen":true,"per_day":"0","new_key":"00"}`))
	contract := signedContract("aka")
	f.Fuzz(func(t *testing.T, body []byte) {
		d, _, err := scanTransaction(&work{in: body}, bodyRule{})
		if err != nil {
			return
		}
		tx, err := d.transaction(&contract)
		if err != nil {
			require.NotEqual(t, string(ErrInternal), codeOf(err), "%v", err)
			return
		}
		require.NoError(t, tx.Validate(&contract))
		signed, domain := bytes.CutPrefix(tx.AppendSigned(nil, chain.Hash{1}, contract.Decimals), []byte(chain.SigningDomain))
		require.True(t, domain)
		require.True(t, json.Valid(signed), "%s", signed)
	})
}
