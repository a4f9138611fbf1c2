package proof

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Sentence says in one line what was proven: "12.5 aka from a to b in block 42
// of chain aka (id 0123456789abcdef), signed by n1, n3 of 3". Nothing in a
// record can break out of its place in it.
func (v *Verified) Sentence() string {
	var b strings.Builder
	b.WriteString(v.Record.says(v.Token))
	fmt.Fprintf(&b, " in block %d of chain %s (id %s), signed by %s of %d", v.Block, v.Token, v.ChainID, names(v.Members), v.MembersInPolicy)
	if len(v.Witnesses) > 0 {
		b.WriteString(", witnessed by " + names(v.Witnesses))
	}
	return b.String()
}

// says is what the record did.
func (r *Record) says(token string) string {
	amount := decimal(r.Amount) + " " + token
	sender, recipient := bare(r.Sender), bare(r.Recipient)
	switch r.Kind {
	case "", chain.Transfer:
		return fmt.Sprintf("%s from %s to %s", amount, sender, recipient)
	case chain.Hold:
		return fmt.Sprintf("%s from %s on hold for %s", amount, sender, recipient)
	case chain.Delivery:
		return fmt.Sprintf("%s from %s delivered to %s after a hold", amount, sender, recipient)
	case chain.Refund:
		return fmt.Sprintf("%s back to %s and not to %s (%s)", amount, sender, recipient, bare(r.Reason))
	case chain.Issue:
		return fmt.Sprintf("%s issued to %s by %s", amount, recipient, sender)
	case chain.Spend:
		return fmt.Sprintf("%s of the fees paid to %s by %s", amount, recipient, sender)
	case chain.Burn:
		return fmt.Sprintf("%s of the fees burned by %s", amount, sender)
	case chain.Rules:
		return r.saysRules()
	default:
		return fmt.Sprintf("a record of kind %s by %s", bare(string(r.Kind)), sender)
	}
}

func (r *Record) saysRules() string {
	switch {
	case r.Account == "":
		return "new rules of wallet " + bare(r.Sender)
	case r.Frozen:
		return fmt.Sprintf("wallet %s frozen by %s", bare(r.Account), bare(r.Sender))
	}
	return fmt.Sprintf("wallet %s released by %s", bare(r.Account), bare(r.Sender))
}

func names(signers []Signer) string {
	var list []string
	for _, s := range signers {
		list = append(list, s.Name)
	}
	return strings.Join(list, ", ")
}

// bare writes a name as it is when it cannot be taken for anything else, and
// in quotes, in ASCII, when it has spaces, quotes or what a terminal obeys.
func bare(name string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:@/+-"
	if name != "" && only(name, plain) {
		return name
	}
	return string(pyjson.AppendString(nil, name))
}

// decimal writes a canonical amount without an exponent, which it has below
// 0.0001: 2.5e-05 becomes 0.000025.
func decimal(number string) string {
	digits, places, found := strings.Cut(number, "e-0")
	if !found || len(places) != 1 || places[0] < '1' {
		return number
	}
	return "0." + strings.Repeat("0", int(places[0]-'1')) + strings.Replace(digits, ".", "", 1)
}
