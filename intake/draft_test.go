package intake

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
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

// signedBody is a transaction of a kind that is signed badly, and else well.
func signedBody(kind chain.Kind) string {
	m := map[string]any{"kind": kind, "sender": public().Address(), "nonce": strings.Repeat("0f", 16), "expires": 1_700_000_600,
		"public_key": chain.Hash(public()).String(), "signature": strings.Repeat("00", 64)}
	of := kindFields[kind]
	for field, value := range map[fields]any{
		fieldRecipient: chain.PublicKey{1}.Address(), fieldAmount: 12.5, fieldHold: strings.Repeat("0f", 32),
		fieldHoldUntil: 1_700_003_600, fieldReceive: "approve", fieldPerDay: "7",
	} {
		if (of.needs|of.takes)&field != 0 {
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
	var code chain.Code
	require.ErrorAs(t, err, &code)
	require.NotEmpty(t, code)
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
			d, _, err := new(Reader).Transaction(body, Rule{Lenient: lenient})
			if err != nil {
				continue
			}
			tx, err := d.transaction(&contract)
			if err != nil {
				requireCode(t, err)
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
	contract := openContract()
	f.Fuzz(func(t *testing.T, body []byte) {
		items, _, err := new(Reader).Batch(body)
		if err != nil {
			requireCode(t, err)
			return
		}
		for i := range items {
			tx, err := items[i].transaction(&contract)
			if err != nil {
				requireCode(t, err)
			} else {
				require.NoError(t, tx.Validate(&contract))
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
		d, _, err := new(Reader).Transaction([]byte(`{"sender":"a","recipient":"b","amount":`+text+`}`), Rule{})
		require.NoError(t, err)
		tx, err := d.transaction(&c)
		require.NoError(t, err, text)
		require.Equal(t, want, tx.Amount, text)
	}
}

// FuzzSignedBody checks that whatever is accepted in a signed contract is
// valid, and is text in the bytes that were signed.
func FuzzSignedBody(f *testing.F) {
	for kind := range kindFields {
		f.Add([]byte(signedBody(kind)))
	}
	f.Add([]byte(`{"kind":"rules","account":"a","frozen":true,"per_day":"0","new_key":"00"}`))
	contract := signedContract()
	f.Fuzz(func(t *testing.T, body []byte) {
		d, _, err := new(Reader).Transaction(body, Rule{})
		if err != nil {
			return
		}
		tx, err := d.transaction(&contract)
		if err != nil {
			requireCode(t, err)
			return
		}
		require.NoError(t, tx.Validate(&contract))
		signed, domain := bytes.CutPrefix(tx.AppendSigned(nil, chain.Hash{1}, contract.Decimals), []byte(chain.SigningDomain))
		require.True(t, domain)
		require.True(t, json.Valid(signed), "%s", signed)
	})
}
