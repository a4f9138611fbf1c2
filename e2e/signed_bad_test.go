package e2e

import (
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// signedCast is who plays in the table of what is refused.
type signedCast struct {
	*signedCluster
	ann, bob, closed, frozen, limited, poor sign.Key

	open, accepted, rejected, expired string // holds from ann to bob
}

func newSignedCast(t *testing.T) *signedCast {
	t.Helper()
	s := &signedCast{
		signedCluster: startSigned(t, `{}`),
		ann:           sign.NewKey("ann"), bob: sign.NewKey("bob"), closed: sign.NewKey("closed"),
		frozen: sign.NewKey("frozen"), limited: sign.NewKey("limited"), poor: sign.NewKey("poor"),
	}
	for _, k := range []sign.Key{s.ann, s.bob, s.closed, s.frozen, s.limited} {
		s.done(t, s.issuer, payment(k, 1_000_000_000), "transfer")
	}
	s.done(t, s.closed, fresh("rules", sign.Fields{"receive": "closed"}), "rules")
	s.done(t, s.issuer, fresh("rules", sign.Fields{"account": s.frozen.Address, "frozen": true}), "rules")
	s.done(t, s.limited, fresh("rules", sign.Fields{"per_transfer": sign.Units(5_000_000), "per_day": sign.Units(8_000_000)}), "rules")
	s.done(t, s.limited, payment(s.bob, 4_000_000), "transfer")
	hold := func(seconds int64) string {
		return s.done(t, s.ann, fresh("hold", sign.Fields{
			"recipient": s.bob.Address, "amount": sign.Units(1_000_000), "hold_until": time.Now().Unix() + seconds,
		}), "hold").ID
	}
	s.expired = hold(3)
	s.open, s.accepted, s.rejected = hold(3600), hold(3600), hold(3600)
	s.done(t, s.bob, fresh("accept", sign.Fields{"hold": s.accepted}), "delivery")
	s.done(t, s.bob, fresh("reject", sign.Fields{"hold": s.rejected}), "refund")
	awaitExpired(t, s.signedCluster, []spoken{
		{Envelope: sign.Envelope{ID: s.expired}, until: 1, decision: decision{Ack: harness.Ack{Kind: "hold"}}},
	})
	return s
}

type badSigned struct {
	name   string
	by     sign.Key
	fields sign.Fields
	change func(body string) string // after signing
	status int
	code   string
}

func replace(old, replacement string) func(string) string {
	return func(body string) string { return strings.Replace(body, old, replacement, 1) }
}

// values are what lies in the envelope itself.
func (s *signedCast) values() []badSigned {
	pay := func() sign.Fields { return payment(s.bob, 1_000_000) }
	other := s.chain.Sign(s.ann, pay())
	other.Body = other.Body[strings.Index(other.Body, `"signature": "`):][14 : 14+128]
	swapped := func(body string) string {
		at := strings.Index(body, `"signature": "`) + 14
		return body[:at] + other.Body + body[at+128:]
	}
	elsewhere := sign.Chain{ID: strings.Repeat("ab", 32), Decimals: s.chain.Decimals}.Sign(s.ann, pay()).Body
	bad := func(name, code string, f sign.Fields, change func(string) string) badSigned {
		return badSigned{name, s.ann, f, change, http.StatusBadRequest, code}
	}
	return []badSigned{
		bad("the signature of another transaction", "signature_invalid", pay(), swapped),
		bad("signed for another chain", "signature_invalid", pay(), func(string) string { return elsewhere }),
		bad("a changed amount", "signature_invalid", pay(), replace(`"amount": 1,`, `"amount": 2,`)),
		bad("a changed recipient", "signature_invalid", pay(), replace(s.bob.Address, s.poor.Address)),
		bad("a changed sender", "signature_invalid", pay(), replace(s.ann.Address, s.poor.Address)),
		bad("a later end", "signature_invalid", pay().With(sign.Fields{"expires": time.Now().Unix() + 10}), replace(`"expires": 1`, `"expires": 2`)),
		bad("another nonce", "signature_invalid", pay().With(sign.Fields{"nonce": strings.Repeat("0", 32)}), replace(`"nonce": "0`, `"nonce": "1`)),
		bad("another kind", "signature_invalid", pay(), replace(`"kind": "transfer"`, `"kind": "spend"`)),
		bad("a memo that was not signed", "signature_invalid", pay(), replace(`"nonce"`, `"memo": "x", "nonce"`)),
		bad("another's key", "signature_invalid", pay(), replace(s.ann.Public, s.bob.Public)),
		bad("a signature too short", "signature_invalid", pay(), replace(`"signature": "`, `"signature": "0`)),
		bad("no signature", "missing_values", pay(), replace(`, "signature": "`, `, "surplus": "`)),
		bad("no expires", "missing_values", pay().With(sign.Fields{"expires": nil}), nil),
		bad("expires as text", "invalid_field", pay().With(sign.Fields{"expires": "soon"}), nil),
		bad("a nonce that is none", "nonce_invalid", pay().With(sign.Fields{"nonce": "one"}), nil),
		bad("no kind we know", "kind_invalid", pay().With(sign.Fields{"kind": "gift"}), nil),
		bad("to oneself", "own_account", payment(s.ann, 1_000_000), nil),
		bad("to a name", "address_invalid", pay().With(sign.Fields{"recipient": "bob"}), nil),
		bad("to a mistyped address", "address_invalid", pay().With(sign.Fields{"recipient": s.bob.Address[:41] + "qq"}), nil),
		bad("to an address in capitals", "address_invalid", pay().With(sign.Fields{"recipient": strings.ToUpper(s.bob.Address)}), nil),
		bad("nothing", "amount_not_positive", payment(s.bob, 0), nil),
		bad("less than nothing", "amount_not_positive", payment(s.bob, -1_000_000), nil),
		bad("nothing left after the fee", "amount_too_small", payment(s.bob, 1), nil),
		bad("rules of nothing", "rules_invalid", fresh("rules", nil), nil),
		bad("a recipient of an accept", "invalid_field", fresh("accept", sign.Fields{"hold": s.open, "recipient": s.bob.Address}), nil),
	}
}

// rules are what only the ledger can say.
func (s *signedCast) rules() []badSigned {
	now := time.Now().Unix()
	pay := payment(s.bob, 1_000_000)
	resolve := func(verb, hold string) sign.Fields { return fresh(verb, sign.Fields{"hold": hold}) }
	const refused, forbidden, conflict = http.StatusUnprocessableEntity, http.StatusForbidden, http.StatusConflict
	held := func(until int64) sign.Fields {
		return fresh("hold", sign.Fields{"recipient": s.bob.Address, "amount": sign.Units(1_000_000), "hold_until": until})
	}
	of := func(kind string, f sign.Fields) sign.Fields { return fresh(kind, f) }
	one := sign.Fields{"recipient": s.bob.Address, "amount": sign.Units(1_000_000)}
	return []badSigned{
		{"expired", s.ann, pay.With(sign.Fields{"expires": now - 10}), nil, refused, "expired"},
		{"expires too far ahead", s.ann, pay.With(sign.Fields{"expires": now + 90_000}), nil, refused, "expires_too_far"},
		{"another's wallet", s.bob, pay.With(sign.Fields{"sender": s.ann.Address, "recipient": s.poor.Address}), nil, forbidden, "key_wrong"},
		{"from an empty wallet", s.poor, pay, nil, refused, "insufficient_funds"},
		{"a unit too much", s.ann, payment(s.bob, 1_000_000_000), nil, refused, "insufficient_funds"},
		{"a hold without funds", s.poor, held(now + 60), nil, refused, "insufficient_funds"},
		{"from a frozen wallet", s.frozen, pay, nil, refused, "account_frozen"},
		{"over the limit of a transfer", s.limited, payment(s.bob, 5_000_001), nil, refused, "limit_per_transfer"},
		{"over the limit of a day", s.limited, payment(s.bob, 4_000_001), nil, refused, "limit_per_day"},
		{"a hold over the limit of a day", s.limited, held(now + 60).With(sign.Fields{"amount": sign.Units(4_000_001)}), nil, refused, "limit_per_day"},
		{"a hold that has ended", s.ann, held(now - 1), nil, refused, "hold_until_invalid"},
		{"a hold for too long", s.ann, held(now + 91*86_400), nil, refused, "hold_until_invalid"},
		{"accepted by its sender", s.ann, resolve("accept", s.open), nil, forbidden, "hold_not_yours"},
		{"rejected by a stranger", s.poor, resolve("reject", s.open), nil, forbidden, "hold_not_yours"},
		{"accepted twice", s.bob, resolve("accept", s.accepted), nil, conflict, "hold_delivered"},
		{"accepted, then rejected", s.bob, resolve("reject", s.accepted), nil, conflict, "hold_delivered"},
		{"rejected, then accepted", s.bob, resolve("accept", s.rejected), nil, conflict, "hold_rejected"},
		{"accepted after it expired", s.bob, resolve("accept", s.expired), nil, conflict, "hold_expired"},
		{"accepted, but no hold", s.bob, resolve("accept", strings.Repeat("0", 63)+"1"), nil, http.StatusNotFound, "hold_unknown"},
		{"issued by another", s.ann, of("issue", one), nil, forbidden, "not_issuer"},
		{"issued beyond the range", s.issuer, of("issue", one).With(sign.Fields{"amount": sign.Units(999_999_999_999_999)}), nil, refused, "total_out_of_range"},
		{"frozen by another", s.ann, of("rules", sign.Fields{"account": s.bob.Address, "frozen": true}), nil, forbidden, "not_issuer"},
		{"spent by another", s.ann, of("spend", one), nil, forbidden, "not_treasurer"},
		{"more fees than there are", s.issuer, of("spend", one).With(sign.Fields{"amount": sign.Units(2_000_000_000)}), nil, refused, "insufficient_fees"},
		{"more fees burned than there are", s.issuer, of("burn", sign.Fields{"amount": sign.Units(2_000_000_000)}), nil, refused, "insufficient_fees"},
	}
}

// Whatever is wrong with a signed transaction has its own code, the same from
// every member and the next time too; and nothing moves.
func TestSignedBadInput(t *testing.T) {
	s := newSignedCast(t)
	before := verifyCluster(t, s.Cluster, "")
	for _, bad := range append(s.values(), s.rules()...) {
		t.Run(bad.name, func(t *testing.T) {
			body := s.chain.Sign(bad.by, bad.fields).Body
			if bad.change != nil {
				changed := bad.change(body)
				if changed == body {
					t.Fatal("nothing was changed")
				}
				body = changed
			}
			for _, m := range append(s.Members, s.Members[0]) {
				refuse(t, m, badRequest{body: body, status: bad.status, code: bad.code})
			}
		})
	}
	after := verifyCluster(t, s.Cluster, "")
	if !maps.Equal(before.Balances, after.Balances) || !reflect.DeepEqual(before.Holds, after.Holds) || len(before.Records) != len(after.Records) {
		t.Errorf("something moved: from %v with %d records to %v with %d",
			before.Balances, len(before.Records), after.Balances, len(after.Records))
	}
}

// What cannot be delivered is a record that moves nothing, and a replay is the
// first answer again.
func TestSignedRefundAndReplay(t *testing.T) {
	s := newSignedCast(t)
	before := verifyCluster(t, s.Cluster, "")
	for to, reason := range map[string]string{s.closed.Address: "closed", s.frozen.Address: "frozen"} {
		e := s.chain.Sign(s.ann, payment(s.bob, 7_000_000).With(sign.Fields{"recipient": to}))
		for i, m := range s.Members {
			ack, err := s.SubmitText(t.Context(), m, e.Body)
			if err != nil || ack.Kind != "refund" || ack.Reason != reason || ack.Replay != (i > 0) {
				t.Errorf("by way of %s it became %+v, %v", m.ID, ack, err)
			}
		}
	}
	after := verifyCluster(t, s.Cluster, "")
	if !maps.Equal(before.Balances, after.Balances) || len(after.Records) != len(before.Records)+2 {
		t.Errorf("balances went from %v to %v", before.Balances, after.Balances)
	}

	paid := s.chain.Sign(s.ann, payment(s.bob, 7_000_000))
	first, err := s.insist(t.Context(), 0, paid)
	if err != nil {
		t.Fatal(err)
	}
	// The answer stays what it was when the sender could not send it any more.
	s.done(t, s.issuer, fresh("rules", sign.Fields{"account": s.ann.Address, "frozen": true}), "rules")
	for i := range s.Members {
		if again, err := s.insist(t.Context(), i, paid); err != nil || !again.same(first) || !again.Replay || first.Replay {
			t.Errorf("first %+v, again %+v, %v", first, again, err)
		}
	}
	end := verifyCluster(t, s.Cluster, "")
	if got := after.Balances[s.ann.Address] - end.Balances[s.ann.Address]; got != 7_000_000 {
		t.Errorf("%d units were taken from ann", got)
	}
}
