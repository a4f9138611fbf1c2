package api

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// requireRefused checks that a body is refused on every way in, and that
// nothing reaches the log.
func requireRefused(t *testing.T, f *fake, body string, status int, code string) {
	t.Helper()
	h := newHandler(t, f)
	before := f.writes
	for _, target := range []string{"/v1/transactions", "/transactions/new"} {
		p := requireProblem(t, call(h, "POST", target, body), status, code, "")
		require.False(t, p.Retryable)
	}
	results := batch(t, h, `{"transactions":[`+body+`]}`, 1)
	require.Equal(t, "refused", results[0].Status)
	require.Equal(t, code, results[0].Code)
	require.NotEmpty(t, results[0].Detail)
	require.Equal(t, before, f.writes, "an entry of the log was written")
}

func TestBadSignedTransactionsAreRefusedBeforeTheLog(t *testing.T) {
	const hash = "00000000000000000000000000000000000000000000000000000000000000ff"
	f := newFake(signedContract("aka"))
	bpsc := chain.BPSCAddress("aka")
	for _, tc := range []struct {
		name   string
		kind   chain.Kind
		field  string
		value  any // nil leaves the field out
		status int
		code   string
	}{
		{"no sender", chain.Transfer, "sender", nil, 400, "missing_values"},
		{"no recipient", chain.Transfer, "recipient", nil, 400, "missing_values"},
		{"no amount", chain.Transfer, "amount", nil, 400, "missing_values"},
		{"no nonce", chain.Transfer, "nonce", nil, 400, "missing_values"},
		{"no expires", chain.Transfer, "expires", nil, 400, "missing_values"},
		{"no public key", chain.Transfer, "public_key", nil, 400, "missing_values"},
		{"no signature", chain.Transfer, "signature", nil, 400, "missing_values"},
		{"hold without its end", chain.Hold, "hold_until", nil, 400, "missing_values"},
		{"accept without its hold", chain.Accept, "hold", nil, 400, "missing_values"},
		{"burn without an amount", chain.Burn, "amount", nil, 400, "missing_values"},
		{"rules that change nothing", chain.Rules, "receive", nil, 400, "rules_invalid"},

		{"kind unknown", chain.Transfer, "kind", "gift", 400, "kind_invalid"},
		{"kind of a record", chain.Transfer, "kind", "delivery", 400, "kind_invalid"},
		{"kind is empty", chain.Transfer, "kind", "", 400, "kind_invalid"},
		{"kind is a number", chain.Transfer, "kind", 1, 400, "invalid_field"},
		{"sender is a name", chain.Transfer, "sender", "wallet-a", 400, "address_invalid"},
		{"sender is the BPSC", chain.Transfer, "sender", bpsc, 400, "address_invalid"},
		{"sender is in capitals", chain.Transfer, "sender", strings.ToUpper(alice.address()), 400, "address_invalid"},
		{"recipient is a name", chain.Transfer, "recipient", "wallet-b", 400, "address_invalid"},
		{"recipient has a wrong checksum", chain.Transfer, "recipient", bob.address()[:10] + "qqqq" + bob.address()[14:], 400, "address_invalid"},
		{"recipient is the BPSC", chain.Transfer, "recipient", bpsc, 400, "address_invalid"},
		{"recipient is the sender", chain.Transfer, "recipient", alice.address(), 400, "own_account"},
		{"amount is zero", chain.Transfer, "amount", 0, 400, "amount_not_positive"},
		{"amount has seven places", chain.Transfer, "amount", "1.0000001", 400, "amount_too_precise"},
		{"amount is too large", chain.Transfer, "amount", "1000000000", 400, "amount_too_large"},
		{"amount leaves nothing after the fee", chain.Transfer, "amount", "0.000001", 400, "amount_too_small"},
		{"memo is too long", chain.Transfer, "memo", strings.Repeat("m", 257), 400, "memo_too_long"},
		{"memo of rules", chain.Rules, "memo", "m", 400, "invalid_field"},

		{"nonce is short", chain.Transfer, "nonce", "ab", 400, "nonce_invalid"},
		{"nonce is in capitals", chain.Transfer, "nonce", strings.Repeat("AB", 16), 400, "nonce_invalid"},
		{"nonce is a number", chain.Transfer, "nonce", 1, 400, "invalid_field"},
		{"expires is a text", chain.Transfer, "expires", "1700000600", 400, "invalid_field"},
		{"expires has places", chain.Transfer, "expires", 1.5, 400, "invalid_field"},
		{"expires is zero", chain.Transfer, "expires", 0, 400, "expires_invalid"},
		{"expires is negative", chain.Transfer, "expires", -1, 400, "expires_invalid"},
		{"expires is beyond all blocks", chain.Transfer, "expires", 1 << 34, 400, "expires_invalid"},
		{"public key is short", chain.Transfer, "public_key", "ab", 400, "invalid_field"},
		{"public key is in capitals", chain.Transfer, "public_key", strings.ToUpper(hash), 400, "invalid_field"},
		{"public key is a number", chain.Transfer, "public_key", 7, 400, "invalid_field"},
		{"signature is short", chain.Transfer, "signature", hash, 400, "signature_invalid"},
		{"signature is not hex", chain.Transfer, "signature", strings.Repeat("zz", 64), 400, "signature_invalid"},
		{"signature is a list", chain.Transfer, "signature", []string{}, 400, "invalid_field"},
		{"hold is short", chain.Accept, "hold", "ab", 400, "invalid_field"},
		{"hold is nothing", chain.Accept, "hold", strings.Repeat("0", 64), 400, "invalid_field"},
		{"hold_until is a text", chain.Hold, "hold_until", "soon", 400, "invalid_field"},
		{"hold_until is zero", chain.Hold, "hold_until", 0, 400, "invalid_field"},

		{"hold of a transfer", chain.Transfer, "hold", hash, 400, "invalid_field"},
		{"hold_until of a transfer", chain.Transfer, "hold_until", 0, 400, "invalid_field"},
		{"recipient of a burn", chain.Burn, "recipient", bob.address(), 400, "invalid_field"},
		{"amount of an accept", chain.Accept, "amount", 1, 400, "invalid_field"},
		{"receive of a transfer", chain.Transfer, "receive", "auto", 400, "invalid_field"},

		{"receive is unknown", chain.Rules, "receive", "never", 400, "rules_invalid"},
		{"receive is null", chain.Rules, "receive", jsonNull, 400, "invalid_field"},
		{"per_transfer is null", chain.Rules, "per_transfer", jsonNull, 400, "invalid_field"},
		{"per_transfer is negative", chain.Rules, "per_transfer", -1, 400, "amount_not_positive"},
		{"per_transfer is minus nothing", chain.Rules, "per_transfer", "-0", 400, "amount_not_positive"},
		{"per_day has seven places", chain.Rules, "per_day", "1.0000001", 400, "amount_too_precise"},
		{"per_day is too large", chain.Rules, "per_day", "1e15", 400, "amount_too_large"},
		{"per_day is true", chain.Rules, "per_day", true, 400, "invalid_field"},
		{"new_key is nothing", chain.Rules, "new_key", strings.Repeat("0", 64), 400, "rules_invalid"},
		{"new_key is short", chain.Rules, "new_key", "ab", 400, "invalid_field"},
		{"frozen alone", chain.Rules, "frozen", true, 400, "rules_invalid"},
		{"frozen is a text", chain.Rules, "frozen", "true", 400, "invalid_field"},
		{"account alone", chain.Rules, "account", bob.address(), 400, "rules_invalid"},
		{"account is empty", chain.Rules, "account", "", 400, "address_invalid"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tx := alice.sign(f.chainID("aka"), plainOf(tc.kind))
			m := bodyOf(&tx)
			m[tc.field] = tc.value
			if tc.value == nil {
				delete(m, tc.field)
			}
			if tc.value == jsonNull {
				m[tc.field] = nil
			}
			requireRefused(t, f, textOf(t, m), tc.status, tc.code)
		})
	}
}

// jsonNull stands for null in the tables.
const jsonNull = "\x00null"

// plainOf is a valid transaction of a kind.
func plainOf(kind chain.Kind) chain.Transaction {
	t := chain.Transaction{Kind: kind}
	switch kind {
	case chain.Accept, chain.Reject:
		t.Hold = chain.DeriveID([]byte("hold"))
	case chain.Rules:
		receive := chain.ReceiveApprove
		t.Rules = &chain.RulesChange{Receive: &receive}
	case chain.Burn:
		t.Amount = 1_000_000
	default:
		t.Amount, t.Recipient = 1_000_000, bob.address()
	}
	if kind == chain.Hold {
		t.HoldUntil = 1_700_003_600
	}
	return t
}

func TestAnyChangeAfterSigningBreaksTheSignature(t *testing.T) {
	f := newFake(signedContract("aka"))
	amount := chain.Amount(5)
	frozen, key := true, carol.public()
	own := plainOf(chain.Rules)
	own.Rules.PerTransfer, own.Rules.PerDay, own.Rules.NewKey = &amount, &amount, &key
	freeze := chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{Account: bob.address(), Frozen: &frozen}}
	withMemo := transferTo(bob)
	auth := map[string]any{"sender": carol.address(), "nonce": strings.Repeat("f", 32), "expires": 1_700_000_601,
		"public_key": chain.Hash(carol.public()).String(), "signature": strings.Repeat("0", 128)}
	id := chain.DeriveID([]byte("another")).String()
	for _, tc := range []struct {
		tx      chain.Transaction
		changes map[string]any
	}{
		{withMemo, map[string]any{"recipient": carol.address(), "amount": 12.6, "memo": "Rent", "kind": "issue"}},
		{withMemo, map[string]any{"memo": nil, "kind": "spend"}},
		{plainOf(chain.Transfer), map[string]any{"memo": "for free"}},
		{plainOf(chain.Hold), map[string]any{"hold_until": 1_700_003_601}},
		{plainOf(chain.Accept), map[string]any{"hold": id, "kind": "reject"}},
		{own, map[string]any{"receive": "closed", "per_transfer": 0, "per_day": "0.000006", "new_key": id}},
		{own, map[string]any{"receive": nil, "per_transfer": nil, "per_day": nil, "new_key": nil}},
		{freeze, map[string]any{"account": alice.address(), "frozen": false}},
	} {
		tx := alice.sign(f.chainID("aka"), tc.tx)
		maps.Copy(tc.changes, auth)
		for field, value := range tc.changes {
			m := bodyOf(&tx)
			if m[field] = value; value == nil {
				delete(m, field)
			}
			t.Run(string(tx.Kind)+"/"+field, func(t *testing.T) {
				requireRefused(t, f, textOf(t, m), 400, "signature_invalid")
			})
		}
	}
}

func TestSignatureForAnotherChainIsNoSignature(t *testing.T) {
	f := newFake(signedContract("aka"), signedContract("usd"))
	tx := alice.sign(f.chainID("usd"), transferTo(bob))
	requireRefused(t, f, textOf(t, bodyOf(&tx)), 400, "signature_invalid")
	rec := call(newHandler(t, f), "POST", "/v1/transactions?contract=usd", textOf(t, bodyOf(&tx)))
	require.Equal(t, http.StatusCreated, rec.Code)
}

// keyOfSigned is what whoever sends a key with a signed transaction is told.
const keyOfSigned = "a signed transaction takes no idempotency key: its id is the hash of what is signed"

func TestSignedTransactionTakesNoIdempotencyKey(t *testing.T) {
	f := newFake(signedContract("aka"))
	h := newHandler(t, f)
	tx, body := signedBody(t, f, alice, transferTo(bob))
	for _, target := range []string{"/v1/transactions", "/transactions/new"} {
		requireProblem(t, call(h, "POST", target, body, "Idempotency-Key", "k1"), 400, "invalid_field", keyOfSigned)
	}
	requireProblem(t, call(h, "POST", "/v1/transactions:batch", `{"transactions":[`+body+`]}`, "Idempotency-Key", "k"), 400, "invalid_field", "")
	m := bodyOf(&tx)
	m["key"] = "k1"
	results := batch(t, h, `{"transactions":[`+textOf(t, m)+`]}`, 1)
	require.Equal(t, "invalid_field", results[0].Code)
	require.Equal(t, keyOfSigned, results[0].Detail)
	require.Zero(t, f.writes)
}

// Where nothing is signed, a field that means something elsewhere is refused: who
// sends an expiry or a hold believes that it holds. On the tutorial's path it may
// be there with nothing in it.
func TestOpenContractKnowsNoSignedFields(t *testing.T) {
	for field, value := range map[string]string{"nonce": `"ab"`, "expires": "1", "public_key": `"x"`, "signature": "5", "hold": "null",
		"hold_until": `"soon"`, "receive": `"auto"`, "per_transfer": "1", "per_day": "null", "new_key": "[]", "account": `"a"`, "frozen": "1"} {
		t.Run(field, func(t *testing.T) {
			f := newFake()
			h := newHandler(t, f)
			requireProblem(t, call(h, "POST", "/v1/transactions", transfer(field, value)), 400, "invalid_field", field+", in a contract in which nothing is signed")
			require.Equal(t, "invalid_field", batch(t, h, `{"transactions":[`+transfer(field, value)+`]}`, 1)[0].Code)
			require.Zero(t, f.writes)
			if value == "null" {
				require.Equal(t, 201, call(h, "POST", "/transactions/new", transfer(field, value)).Code)
				require.Nil(t, f.last[0].Auth)
				require.Nil(t, f.last[0].Rules)
				return
			}
			requireProblem(t, call(h, "POST", "/transactions/new", transfer(field, value)), 400, "invalid_field", field+", in a contract in which nothing is signed")
			require.Zero(t, f.writes)
		})
	}
	f := newFake()
	h := newHandler(t, f)
	requireProblem(t, call(h, "POST", "/v1/transactions", transfer("kind", `"hold"`)), 400, "kind_invalid", "")
	requireProblem(t, call(h, "POST", "/v1/transactions", transfer("kind", `7`)), 400, "invalid_field", "kind must be a string")
	require.Zero(t, f.writes)
	require.Equal(t, 201, call(h, "POST", "/v1/transactions", transfer("kind", `"transfer"`)).Code)
	require.Equal(t, 201, call(h, "POST", "/v1/transactions", transfer("kind", `null`)).Code)
	requireProblem(t, call(h, "POST", "/transactions/new", transfer("kind", `"hold"`)), 400, "kind_invalid", "")
	require.Equal(t, 201, call(h, "POST", "/transactions/new", transfer("kind", `"transfer"`)).Code)
}

func TestTutorialSaysMissingValuesOnASignedContractToo(t *testing.T) {
	h := newHandler(t, newFake(signedContract("aka")))
	requireProblem(t, call(h, "POST", "/transactions/new", transferAB), 400, "missing_values", "Missing values")
	requireProblem(t, call(h, "POST", "/v1/transactions", transferAB), 400, "missing_values",
		"Missing values: nonce, expires, public_key, signature")
}

func TestRefusalsOfASignedLedger(t *testing.T) {
	for code, status := range map[chain.Code]int{
		chain.Expired: 422, chain.ExpiresTooFar: 422, chain.KeyWrong: 403, chain.AccountFrozen: 422, chain.InsufficientFunds: 422,
		chain.LimitPerTransfer: 422, chain.LimitPerDay: 422, chain.HoldUnknown: 404, chain.HoldNotYours: 403, chain.HoldDelivered: 409,
		chain.HoldRejected: 409, chain.HoldHasExpired: 409, chain.HoldRefunded: 409, chain.HoldUntilInvalid: 422, chain.HoldsFull: 422, chain.SenderHoldsFull: 422, chain.HoldTooSmall: 422,
		chain.NotIssuer: 403, chain.NotTreasurer: 403, chain.NotMintable: 422, chain.NotFreezable: 422, chain.InsufficientFees: 422,
	} {
		f := newFake(signedContract("aka"))
		f.refuse = code
		h := newHandler(t, f)
		tx, body := signedBody(t, f, alice, transferTo(bob))
		for _, target := range []string{"/v1/transactions", "/transactions/new"} {
			p := requireProblem(t, call(h, "POST", target, body), status, string(code), "")
			require.Equal(t, tx.ID.String(), p.ID)
			require.False(t, p.Retryable)
		}
		require.Equal(t, string(code), batch(t, h, `{"transactions":[`+body+`]}`, 1)[0].Code)
	}
}

func TestUnknownOutcomeOfASignedTransactionHasNoKey(t *testing.T) {
	f := newFake(signedContract("aka"))
	f.err = outcome.Unknown
	tx, body := signedBody(t, f, alice, transferTo(bob))
	p := requireProblem(t, call(newHandler(t, f), "POST", "/v1/transactions", body), 504, "outcome_unknown", "")
	require.Equal(t, tx.ID.String(), p.ID)
	require.Empty(t, p.Key)
	require.True(t, p.Retryable)
}
