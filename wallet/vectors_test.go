package wallet

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

var update = flag.Bool("update", false, "write the golden vectors again")

// The secret keys of tests 1 to 3 in RFC 8032, section 7.1.
const (
	aliceSeed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
	bobSeed   = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"
	carolSeed = "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7"
)

// keyVector is what a private key comes to.
type keyVector struct {
	PrivateKey string `json:"private_key"`
	PublicKey  string `json:"public_key"`
	Address    string `json:"address"`
}

// txVector is one transaction: what it says, and everything that follows.
type txVector struct {
	Name       string         `json:"name"`
	PrivateKey string         `json:"private_key"`
	Decimals   int            `json:"decimals"`
	Payload    map[string]any `json:"payload"`
	Signed     string         `json:"signed"`
	ID         string         `json:"id"`
	PublicKey  string         `json:"public_key"`
	Signature  string         `json:"signature"`
}

// vectorCase is the input of a txVector.
type vectorCase struct {
	name     string
	seed     string
	decimals int
	tx       chain.Transaction
}

func mustKey(seed string) *Key {
	k, err := ParseKey(seed)
	if err != nil {
		panic(err)
	}
	return k
}

func ptr[T any](v T) *T { return &v }

var vectorChain = chain.HashBytes([]byte("the genesis block of the vectors"))

func vectorCases() []vectorCase {
	alice, bob, carol := mustKey(aliceSeed), mustKey(bobSeed), mustKey(carolSeed)
	a, b := alice.Address(), bob.Address()
	hold := chain.HashBytes([]byte("a hold"))
	rules := func(p chain.RulesChange) chain.Transaction {
		return chain.Transaction{Kind: chain.Rules, Sender: a, Rules: &p}
	}
	return []vectorCase{
		{"transfer", aliceSeed, 6, chain.Transaction{Kind: chain.Transfer, Sender: a, Recipient: b, Amount: 12_500_000}},
		{"transfer with a memo", aliceSeed, 6, chain.Transaction{Kind: chain.Transfer, Sender: a, Recipient: b, Amount: 1_000_000,
			Memo: "Miete M\u00e4rz \U0001F3E0 \"\\/\t<&>\x7f"}},
		{"transfer of the smallest amount", bobSeed, 9, chain.Transaction{Kind: chain.Transfer, Sender: b, Recipient: a, Amount: 1}},
		{"transfer of the largest amount", bobSeed, 6, chain.Transaction{Kind: chain.Transfer, Sender: b, Recipient: a, Amount: chain.MaxUnits}},
		{"transfer of whole tokens", bobSeed, 0, chain.Transaction{Kind: chain.Transfer, Sender: b, Recipient: a, Amount: 7}},
		{"transfer after the key was rotated", carolSeed, 6, chain.Transaction{Kind: chain.Transfer, Sender: a, Recipient: b, Amount: 50}},
		{"hold", aliceSeed, 6, chain.Transaction{Kind: chain.Hold, Sender: a, Recipient: b, Amount: 123_456, HoldUntil: 1_800_086_400, Memo: "order 7"}},
		{"accept", bobSeed, 6, chain.Transaction{Kind: chain.Accept, Sender: b, Hold: hold}},
		{"reject", bobSeed, 6, chain.Transaction{Kind: chain.Reject, Sender: b, Hold: hold}},
		{"rules: approve", aliceSeed, 6, rules(chain.RulesChange{Receive: ptr(chain.ReceiveApprove)})},
		{"rules: limits", aliceSeed, 6, rules(chain.RulesChange{PerTransfer: ptr(chain.Amount(1_500_000)), PerDay: ptr(chain.Amount(10))})},
		{"rules: no limits", aliceSeed, 6, rules(chain.RulesChange{PerTransfer: ptr(chain.Amount(0)), PerDay: ptr(chain.Amount(0))})},
		{"rules: another key", aliceSeed, 6, rules(chain.RulesChange{NewKey: ptr(carol.PublicKey())})},
		{"rules: everything", aliceSeed, 6, rules(chain.RulesChange{Receive: ptr(chain.ReceiveClosed), NewKey: ptr(carol.PublicKey()),
			PerTransfer: ptr(chain.Amount(5)), PerDay: ptr(chain.Amount(0))})},
		{"freeze", aliceSeed, 6, rules(chain.RulesChange{Account: b, Frozen: ptr(true)})},
		{"unfreeze", aliceSeed, 6, rules(chain.RulesChange{Account: b, Frozen: ptr(false)})},
		{"issue", aliceSeed, 6, chain.Transaction{Kind: chain.Issue, Sender: a, Recipient: a, Amount: 1_000_000_000}},
		{"spend", aliceSeed, 6, chain.Transaction{Kind: chain.Spend, Sender: a, Recipient: b, Amount: 625, Memo: "audit"}},
		{"burn", aliceSeed, 6, chain.Transaction{Kind: chain.Burn, Sender: a, Amount: 99}},
	}
}

// vector signs c. Its payload is written from the fields by other means than
// the signed bytes, amounts without an exponent, so that comparing means
// something.
func (c vectorCase) vector(t *testing.T, i int) txVector {
	t.Helper()
	key, err := mustKey(c.seed).For(c.tx.Sender)
	require.NoError(t, err)
	tx := c.tx
	tx.Auth = &chain.Auth{Nonce: fmt.Sprintf("%032x", i+1), Expires: 1_800_000_000 + chain.Seconds(i)}
	require.NoError(t, key.Sign(&tx, vectorChain, c.decimals))
	contract := &chain.Contract{Wallets: chain.SignedWallets, BPSC: chain.BPSCAddress("aka")}
	require.NoError(t, tx.Validate(contract), "the vectors are of what a ledger takes")
	return txVector{
		Name: c.name, PrivateKey: c.seed, Decimals: c.decimals, Payload: payload(&tx, c.decimals),
		Signed: string(tx.AppendSigned(nil, vectorChain, c.decimals)), ID: tx.ID.String(),
		PublicKey: chain.Hash(tx.Auth.PublicKey).String(), Signature: tx.Auth.Signature.String(),
	}
}

func payload(tx *chain.Transaction, decimals int) map[string]any {
	m := map[string]any{"kind": tx.Kind, "sender": tx.Sender, "chain": vectorChain.String(),
		"nonce": tx.Auth.Nonce, "expires": tx.Auth.Expires}
	if tx.Recipient != "" {
		m["recipient"] = tx.Recipient
	}
	if tx.Amount != 0 {
		m["amount"] = plainAmount(tx.Amount, decimals)
	}
	if tx.Memo != "" {
		m["memo"] = tx.Memo
	}
	if tx.HoldUntil != 0 {
		m["hold_until"] = tx.HoldUntil
	}
	if !tx.Hold.IsZero() {
		m["hold"] = tx.Hold.String()
	}
	if tx.Rules != nil {
		rulesPayload(m, tx.Rules, decimals)
	}
	return m
}

func rulesPayload(m map[string]any, p *chain.RulesChange, decimals int) {
	if p.Receive != nil {
		m["receive"] = *p.Receive
	}
	if p.PerTransfer != nil {
		m["per_transfer"] = plainAmount(*p.PerTransfer, decimals)
	}
	if p.PerDay != nil {
		m["per_day"] = plainAmount(*p.PerDay, decimals)
	}
	if p.NewKey != nil {
		m["new_key"] = chain.Hash(*p.NewKey).String()
	}
	if p.Frozen != nil {
		m["account"], m["frozen"] = p.Account, *p.Frozen
	}
}

// plainAmount writes tokens as an integer where they are whole, else with all
// their places.
func plainAmount(a chain.Amount, decimals int) json.Number {
	unit := int64(1)
	for range decimals {
		unit *= 10
	}
	if int64(a)%unit == 0 {
		return json.Number(fmt.Sprint(int64(a) / unit))
	}
	return json.Number(fmt.Sprintf("%d.%0*d", int64(a)/unit, decimals, int64(a)%unit))
}

func TestTransactionVectors(t *testing.T) {
	var vectors []txVector
	for i, c := range vectorCases() {
		vectors = append(vectors, c.vector(t, i))
	}
	golden(t, "transactions.json", vectors)
}

func TestKeyVectors(t *testing.T) {
	vectors := map[string]any{}
	var keys []keyVector
	for _, seed := range []string{aliceSeed, bobSeed, carolSeed, fmt.Sprintf("%064x", 0), fmt.Sprintf("%064x", 1)} {
		k := mustKey(seed)
		keys = append(keys, keyVector{seed, chain.Hash(k.PublicKey()).String(), k.Address()})
	}
	wallets := map[string]string{}
	for _, token := range []string{"aka", "gold-2", "0"} {
		wallets[token] = chain.BPSCAddress(token)
	}
	vectors["keys"], vectors["bpsc_wallets"] = keys, wallets
	golden(t, "keys.json", vectors)
}

// golden compares v with what testdata has, or writes it there.
func golden(t *testing.T, name string, v any) {
	t.Helper()
	var got bytes.Buffer
	enc := json.NewEncoder(&got)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	require.NoError(t, enc.Encode(v))
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String(), "these bytes are signed in chains that exist: they cannot change")
}

// Another language, with its standard library alone, comes to the same.
func TestVectorsHoldInPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	out, err := exec.CommandContext(t.Context(), python, filepath.Join("testdata", "check.py")).Output()
	if err == nil {
		t.Logf("%s", out)
		return
	}
	var failed *exec.ExitError
	require.ErrorAs(t, err, &failed)
	t.Fatalf("%v\n%s%s", err, out, failed.Stderr)
}
