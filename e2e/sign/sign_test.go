package sign

import (
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
)

// The product's own vectors, which were checked with Python.
func TestVectors(t *testing.T) {
	text, err := os.ReadFile("../../wallet/testdata/transactions.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct {
		Name, ID, Signature string
		PrivateKey          string `json:"private_key"`
		Decimals            int
		Payload             map[string]any
	}
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) == 0 {
		t.Fatal("no vectors")
	}
	for _, v := range vectors {
		seed, err := hex.DecodeString(v.PrivateKey)
		if err != nil {
			t.Fatal(err)
		}
		c := Chain{ID: v.Payload["chain"].(string), Decimals: v.Decimals}
		got := c.Sign(FromSeed(seed), fieldsOf(t, v.Payload, v.Decimals))
		if got.ID != v.ID || !strings.Contains(got.Body, v.Signature) {
			t.Errorf("%s: %+v, want id %s and signature %s", v.Name, got, v.ID, v.Signature)
		}
	}
}

// fieldsOf reads a payload; its amounts are in tokens.
func fieldsOf(t *testing.T, payload map[string]any, decimals int) Fields {
	t.Helper()
	f := Fields{}
	for key, value := range payload {
		number, isNumber := value.(json.Number)
		switch {
		case key == "chain":
		case !isNumber:
			f[key] = value
		case key == "expires" || key == "hold_until":
			n, err := number.Int64()
			if err != nil {
				t.Fatal(err)
			}
			f[key] = n
		default:
			tokens, ok := new(big.Rat).SetString(number.String())
			if !ok {
				t.Fatalf("%s is %s", key, number)
			}
			scale := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(decimals)), nil)
			f[key] = Units(new(big.Rat).Mul(tokens, new(big.Rat).SetInt(scale)).Num().Int64())
		}
	}
	return f
}

func TestTransfer(t *testing.T) {
	c := Chain{ID: strings.Repeat("ab", 32), Decimals: 6}
	ann, bob, nonce := NewKey("ann"), NewKey("bob"), strings.Repeat("0", 32)
	for _, units := range []Units{1, 50, 99, 12_500_000, 1_000_000, 999_999_999_999_999} {
		want := c.Sign(ann, Fields{"kind": "transfer", "recipient": bob.Address, "amount": units, "nonce": nonce, "expires": int64(7)})
		if got := c.Transfer(ann, bob.Address, units, nonce, 7); got != want {
			t.Errorf("%d units: %+v, want %+v", units, got, want)
		}
	}
}

func BenchmarkTransfer(b *testing.B) {
	c := Chain{ID: strings.Repeat("ab", 32), Decimals: 6}
	ann, bob, nonce := NewKey("ann"), NewKey("bob"), strings.Repeat("0", 32)
	for b.Loop() {
		c.Transfer(ann, bob.Address, 1_000_000, nonce, 7)
	}
}
