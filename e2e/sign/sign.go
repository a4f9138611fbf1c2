// Package sign makes signed transactions from nothing but the description of
// their format and the standard library. It is a second implementation on
// purpose: what the product's own wallet and its ledger got wrong in the same
// way would pass unseen.
package sign

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"github.com/bpsc/bpsc/e2e/verify"
)

// Key is who signs.
type Key struct {
	Address string
	Public  string // in hex
	private ed25519.PrivateKey
}

// NewKey is the key of a name: the same name has the same key in every run.
func NewKey(name string) Key {
	seed := sha256.Sum256([]byte(name))
	return FromSeed(seed[:])
}

// FromSeed is the key of a seed of 32 bytes.
func FromSeed(seed []byte) Key {
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey)
	return Key{verify.Address(public), hex.EncodeToString(public), private}
}

// Units is an amount in base units.
type Units int64

// Chain is what a signature is for.
type Chain struct {
	ID       string
	Decimals int
}

// Fields are what a transaction says: text, int64, bool and Units.
type Fields map[string]any

// With is f with other values in some fields, nil for none.
func (f Fields) With(changes Fields) Fields {
	all := maps.Clone(f)
	maps.Copy(all, changes)
	maps.DeleteFunc(all, func(_ string, value any) bool { return value == nil })
	return all
}

// Envelope is a signed transaction: the same bytes however often it is sent.
type Envelope struct {
	ID   string
	Body string
}

// Sign signs what f says, which has everything but the chain. The sender is
// the key's address where f does not name another.
func (c Chain) Sign(k Key, f Fields) Envelope {
	if _, given := f["sender"]; !given {
		f = f.With(Fields{"sender": k.Address})
	}
	message := []byte("bpsc/tx/v1\n" + c.text(f.With(Fields{"chain": c.ID})))
	id := sha256.Sum256(message)
	signature := hex.EncodeToString(ed25519.Sign(k.private, message))
	return Envelope{
		ID:   hex.EncodeToString(id[:]),
		Body: c.text(f.With(Fields{"public_key": k.Public, "signature": signature})),
	}
}

// text is f as Python's json.dumps(f, sort_keys=True) writes it.
func (c Chain) text(f Fields) string {
	var b strings.Builder
	for i, key := range slices.Sorted(maps.Keys(f)) {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, `"%s": %s`, key, c.value(f[key]))
	}
	return "{" + b.String() + "}"
}

func (c Chain) value(v any) string {
	switch v := v.(type) {
	case string:
		return quote(v)
	case Units:
		return c.amount(v)
	}
	return fmt.Sprint(v) // numbers and truth values are written alike
}

// amount is Python's repr of the nearest double; a whole number is an integer.
func (c Chain) amount(u Units) string {
	tokens, err := strconv.ParseFloat(fmt.Sprintf("%de-%d", u, c.Decimals), 64)
	switch {
	case err != nil:
		panic(err) // an integer with an exponent is a number
	case tokens == math.Trunc(tokens):
		return strconv.FormatFloat(tokens, 'f', 0, 64)
	case math.Abs(tokens) < 1e-4:
		return strconv.FormatFloat(tokens, 'e', -1, 64)
	}
	return strconv.FormatFloat(tokens, 'f', -1, 64)
}

// quote writes a text in printable ASCII.
func quote(s string) string {
	out := []byte{'"'}
	short := map[rune]string{'"': `\"`, '\\': `\\`, '\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`}
	for _, r := range s {
		escape, has := short[r]
		switch {
		case has:
			out = append(out, escape...)
		case r >= ' ' && r <= '~':
			out = append(out, byte(r))
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			out = fmt.Appendf(out, `\u%04x\u%04x`, high, low)
		default:
			out = fmt.Appendf(out, `\u%04x`, r)
		}
	}
	return string(append(out, '"'))
}

// Transfer signs a transfer without a memo, its keys written in the one order that
// they have: the same bytes as Sign makes, with little work beside the signature.
func (c Chain) Transfer(k Key, to string, amount Units, nonce string, expires int64) Envelope {
	tokens, end := c.amount(amount), strconv.FormatInt(expires, 10)
	message := `bpsc/tx/v1
{"amount": ` + tokens + `, "chain": "` + c.ID + `", "expires": ` + end + `, "kind": "transfer", "nonce": "` + nonce +
		`", "recipient": "` + to + `", "sender": "` + k.Address + `"}`
	id := sha256.Sum256([]byte(message))
	return Envelope{
		ID: hex.EncodeToString(id[:]),
		Body: `{"amount": ` + tokens + `, "expires": ` + end + `, "kind": "transfer", "nonce": "` + nonce + `", "public_key": "` + k.Public +
			`", "recipient": "` + to + `", "sender": "` + k.Address +
			`", "signature": "` + hex.EncodeToString(ed25519.Sign(k.private, []byte(message))) + `"}`,
	}
}
