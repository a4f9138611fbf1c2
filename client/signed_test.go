package client

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
)

func drawHash(t *rapid.T, label string) (h chain.Hash) {
	copy(h[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, label))
	return h
}

func optional[T any](t *rapid.T, label string, g *rapid.Generator[T]) *T {
	if !rapid.Bool().Draw(t, label+" is set") {
		return nil
	}
	v := g.Draw(t, label)
	return &v
}

func drawTx(t *rapid.T) chain.Transaction {
	amounts := rapid.Int64Range(0, int64(chain.MaxUnits))
	seconds := rapid.Int64Range(0, 1<<62-1)
	limits := rapid.Map(amounts, func(a int64) chain.Amount { return chain.Amount(a) })
	tx := chain.Transaction{
		ID:   chain.Hash{1},
		Kind: rapid.SampledFrom([]chain.Kind{chain.Transfer, chain.Hold, chain.Accept, chain.Rules, chain.Burn}).Draw(t, "kind"),
		Memo: rapid.String().Draw(t, "memo"), Sender: rapid.String().Draw(t, "sender"), Recipient: rapid.String().Draw(t, "recipient"),
		Amount: chain.Amount(amounts.Draw(t, "amount")), HoldUntil: chain.Seconds(seconds.Draw(t, "hold_until")),
		Auth: &chain.Auth{Nonce: rapid.StringMatching("[0-9a-f]{32}").Draw(t, "nonce"), Expires: chain.Seconds(seconds.Draw(t, "expires")),
			PublicKey: chain.PublicKey(drawHash(t, "key"))},
	}
	half := drawHash(t, "signature")
	copy(tx.Auth.Signature[:], half[:])
	if rapid.Bool().Draw(t, "has a hold") {
		tx.Hold = drawHash(t, "hold")
	}
	p := chain.RulesChange{
		Receive:     optional(t, "receive", rapid.SampledFrom([]chain.Receive{chain.ReceiveAuto, chain.ReceiveClosed})),
		PerTransfer: optional(t, "per_transfer", limits), PerDay: optional(t, "per_day", limits),
		Frozen: optional(t, "frozen", rapid.Bool()), Account: rapid.String().Draw(t, "account"),
	}
	if rapid.Bool().Draw(t, "has a key") {
		key := chain.PublicKey(drawHash(t, "new_key"))
		p.NewKey = &key
	}
	if p != (chain.RulesChange{}) {
		tx.Rules = &p
	}
	return tx
}

// What is signed here is what the ledger finds signed, after any number of
// JSON readers in between.
func TestSignedTransactionRoundTrips(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tx, decimals := drawTx(t), rapid.IntRange(0, chain.MaxDecimals).Draw(t, "decimals")
		s, err := NewSigned("aka", decimals, &tx)
		require.NoError(t, err)
		text := s.Encode()
		again, err := ParseSigned(text)
		require.NoError(t, err)
		got, err := again.Transaction(decimals)
		require.NoError(t, err)
		got.ID = tx.ID
		require.Equal(t, tx, got)
		id := chain.Hash{9}
		require.Equal(t, tx.AppendSigned(nil, id, decimals), got.AppendSigned(nil, id, decimals))
		second, err := ParseSigned(again.Encode())
		require.NoError(t, err)
		require.Equal(t, again.Encode(), second.Encode(), "the same bytes can be sent again")
		require.JSONEq(t, string(text), string(second.Encode()))
	})
}

func TestSignedTransactionHasOnlyTheFieldsThatApply(t *testing.T) {
	zero := chain.Amount(0)
	for _, c := range []struct {
		tx   chain.Transaction
		want string
	}{
		{chain.Transaction{Kind: chain.Transfer, Sender: "a", Recipient: "b", Amount: 50, Memo: "<&>"},
			`"kind":"transfer","sender":"a","recipient":"b","amount":5e-05,"memo":"<&>"`},
		{chain.Transaction{Kind: chain.Rules, Sender: "a", Rules: &chain.RulesChange{PerDay: &zero, PerTransfer: &zero}},
			`"kind":"rules","sender":"a","per_transfer":0,"per_day":0`},
		{chain.Transaction{Kind: chain.Rules, Sender: "a", Rules: &chain.RulesChange{Account: "b", Frozen: new(bool)}},
			`"kind":"rules","sender":"a","account":"b","frozen":false`},
	} {
		tx := c.tx
		tx.ID, tx.Auth = chain.Hash{1}, &chain.Auth{Nonce: "n", Expires: 9}
		s, err := NewSigned("aka", 6, &tx)
		require.NoError(t, err)
		require.JSONEq(t, `{"contract":"aka",`+c.want+`,"nonce":"n","expires":9,"public_key":"`+
			chain.Hash{}.String()+`","signature":"`+chain.Signature{}.String()+`"}`, string(s.Encode()))
	}
}

func TestParseSignedRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "{", "an unknown key": `{"kind":"burn","fee":1}`, "an id": `{"kind":"burn","id":"x"}`,
		"two of them": `{"kind":"burn"}{"kind":"burn"}`, "a list": `[]`, "an amount in words": `{"amount":"much"}`,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := ParseSigned([]byte(text))
			if err == nil {
				_, err = s.Transaction(6)
			}
			require.ErrorIs(t, err, chain.InvalidField)
		})
	}
	whole, err := NewSigned("aka", 6, &testTx)
	require.NoError(t, err)
	for name, member := range map[string]string{
		"too precise": `"amount": 0.0000001`, "a negative limit": `"per_day": -1`, "half a hold": `"hold": "ab"`,
		"half a key": `"public_key": "ab"`, "half a new key": `"new_key": "ab"`, "half a signature": `"signature": "ab"`,
		"a limit too large": `"per_transfer": 1e15`, "a field twice": `"sender": "a"`, "the chain's id": `"chain": "` + chain.Hash{}.String() + `"`,
	} {
		t.Run(name, func(t *testing.T) {
			key, _, _ := strings.Cut(member, ":")
			text := string(whole.Encode())
			if name != "a field twice" {
				text = regexp.MustCompile(key+`: [^,}]*(, )?`).ReplaceAllString(text, "")
			}
			s, err := ParseSigned([]byte(strings.Replace(text, "{", "{"+member+", ", 1)))
			if err == nil {
				_, err = s.Transaction(6)
			}
			require.Error(t, err)
		})
	}
	_, err = NewSigned("aka", 6, &chain.Transaction{})
	require.ErrorIs(t, err, ErrNotSigned)
}

// What no contract could make a transaction of is found before a server is asked
// for the contract.
func TestParseSignedNeedsNoContractToRefuse(t *testing.T) {
	whole, err := NewSigned("aka", 6, &testTx)
	require.NoError(t, err)
	for _, member := range []string{
		`"memo": 5`, `"sender": true`, `"recipient": []`, `"nonce": {}`, `"hold": "ab"`, `"public_key": 0`, `"signature": null`,
		`"expires": "9"`, `"frozen": "yes"`, `"hold_until": 1.5`, `"receive": 1`,
		`"amount": true`, `"amount": []`, `"amount": "much"`, `"per_day": {}`, `"per_transfer": ""`,
	} {
		t.Run(member, func(t *testing.T) {
			key, _, _ := strings.Cut(member, ": ")
			text := regexp.MustCompile(key+`: ?[^,}]*(, ?)?`).ReplaceAllString(string(whole.Encode()), "")
			_, err := ParseSigned([]byte(strings.Replace(text, "{", "{"+member+", ", 1)))
			require.ErrorIs(t, err, chain.InvalidField)
		})
	}
	text := strings.Replace(string(whole.Encode()), "{", `{"per_day": "999999999999999", "per_transfer": "0.000000001", `, 1)
	s, err := ParseSigned([]byte(text))
	require.NoError(t, err, "how large an amount may be, and how precise, is the contract's matter")
	_, err = s.Transaction(6)
	require.ErrorIs(t, err, chain.InvalidField)
}

// Wallets in languages without exact numbers write amounts in quotes.
func TestParseSignedTakesAmountsInQuotes(t *testing.T) {
	whole, err := NewSigned("aka", 6, &testTx)
	require.NoError(t, err)
	quoted := regexp.MustCompile(`"amount": ?([^,}]*)`).ReplaceAllString(string(whole.Encode()), `"amount":"$1"`)
	require.NotEqual(t, string(whole.Encode()), quoted)
	s, err := ParseSigned([]byte(quoted))
	require.NoError(t, err)
	require.Equal(t, string(whole.Encode()), string(s.Encode()))
}

func TestContract(t *testing.T) {
	id := chain.Hash{7}
	mux := http.NewServeMux()
	answers := map[string]string{
		"/v1/contracts":        `{"items":[` + contractJSON("aka", id) + `,` + contractJSON("gold", id) + `]}`,
		"/v1/contracts/gold":   contractJSON("gold", id),
		"/v1/contracts/silver": contractJSON("gold", id),
		"/v1/contracts/copper": `{"contract":7}`,
	}
	for path, text := range answers {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) })
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		send(w, problemOf(http.StatusNotFound, chain.ContractUnknown, false))
	})
	s := httptest.NewServer(mux)
	defer s.Close()
	c := newClient(t, s.URL)
	for token, want := range map[string]string{"": "aka", "gold": "gold"} {
		info, err := c.Contract(t.Context(), token)
		require.NoError(t, err)
		require.Equal(t, want, info.Contract.Token)
		require.Equal(t, id, info.ChainID)
		require.EqualValues(t, 3, info.Length)
		require.Equal(t, chain.SignedWallets, info.Contract.Wallets)
	}
	for _, token := range []string{"silver", "copper", "none"} {
		_, err := c.Contract(t.Context(), token)
		require.Error(t, err, token)
	}
}

func TestStatus(t *testing.T) {
	l := newLedger()
	c := newClient(t, serve(t, l, false))
	for _, want := range []Status{StatusUnknown, StatusExpired} {
		r, err := c.Status(t.Context(), "aka", testID, testTx.Auth.Expires)
		require.NoError(t, err)
		require.Equal(t, want, r.Status)
		l.now = testTx.Auth.Expires
	}
	_, err := c.Status(t.Context(), "gold", testID, 0)
	require.Error(t, err)

	for text, fails := range map[string]bool{
		`{"status":404,"code":"not_found"}`:  false,
		`{"status":422,"code":"id_invalid"}`: true,
	} {
		var p Problem
		require.NoError(t, json.Unmarshal([]byte(text), &p))
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { send(w, p) }))
		r, err := newClient(t, s.URL).Status(t.Context(), "", testID, 0)
		require.Equal(t, fails, err != nil)
		require.Equal(t, StatusUnknown, r.Status)
		s.Close()
	}
}
