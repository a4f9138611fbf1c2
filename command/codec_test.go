package command

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/internal/token"
)

// goldens are what testdata/golden.txt has the bytes of: a binary that reads them
// otherwise would make another state of an old log, or tell another outcome.
func goldens() (requests map[string]Request, answers map[string]Answer) {
	id := chain.DeriveID([]byte("x"))
	limit, frozen, receive, key := chain.Amount(5), false, chain.ReceiveApprove, chain.PublicKey{1}
	auth := &chain.Auth{Nonce: "00ff", Expires: 1_800_000_000, PublicKey: chain.PublicKey{2}, Signature: chain.Signature{3}}
	requests = map[string]Request{
		"produce":         &Produce{Token: "aka"},
		"create":          &Create{Contract: []byte("{}")},
		"create-first":    &Create{Contract: []byte("{}"), First: true},
		"register":        &Register{Nodes: []string{"a:5000", "b:5000"}, From: "net"},
		"remove":          &Remove{Node: "a:5000"},
		"announce-no-key": &Announce{Member: "n", URL: "u"},
		"announce":        &Announce{Member: "n", URL: "u", Key: "k"},
		"announce-level":  &Announce{Member: "n", URL: "u", Key: "k", Level: 1},
		"activate":        &Activate{Level: 1, Release: "0.1.0"},
		"attest": &Attest{Token: "aka", Attestation: chain.Attestation{
			Member: "n", Size: 7, Root: chain.Hash{31: 9}, Digest: chain.Hash{31: 8}, Cosignature: "— "}},
		"make-token": &MakeToken{Hash: token.Hash{1, 31: 2}, Name: "ci", Roles: token.Read | token.Submit, Contract: "aka",
			Expires: 1_800_000_000, Parent: "0102030405ff"},
		"revoke-token": &RevokeToken{ID: "0102030405ff", By: "0102030405fe"},
		"note": &Note{Action: auditlog.Action{Who: auditlog.Token, Token: "0102030405ff", Name: "ops", What: "members.remove",
			Subject: "n2", From: "192.0.2.1", Request: "r-1", Member: "n1"}},
		"note-end":    &Note{Of: 300, Result: auditlog.OK},
		"endorse":     &Endorse{Number: 300, Member: "n~1", Cosignature: "— "},
		"recovered":   &Recovered{By: "ops", Reason: "fire", Time: 1_800_000_000, Before: []string{"a", "b"}, After: []string{"a"}},
		"submit-open": &Submit{Token: "aka", Transactions: []chain.Transaction{{ID: id, Sender: "a", Recipient: "b", Amount: 7, Memo: "m"}}},
		"submit-signed": &Submit{Token: "aka", Transactions: []chain.Transaction{
			{ID: id, Kind: chain.Hold, Sender: "a", Recipient: "b", Amount: 7, HoldUntil: 9, Auth: auth},
			{ID: id, Kind: chain.Accept, Sender: "a", Hold: id, Auth: auth},
			{ID: id, Kind: chain.Rules, Sender: "a", Auth: auth,
				Rules: &chain.RulesChange{Receive: &receive, PerTransfer: &limit, PerDay: &limit, NewKey: &key, Account: "c", Frozen: &frozen}}}},
	}
	answers = map[string]Answer{
		"answer-nothing": {},
		"answer-refused": {Refused: chain.NotFound, Detail: "it is not there"},
		"answer-block":   {Block: 300},
		"answer-entry":   {Entry: 300},
		"answer-outcomes": {Outcomes: []Outcome{
			{Block: 2, Position: 1}, {Block: 3, Replay: true, Completed: true}, {Refused: chain.Expired},
			{Refused: chain.IDReused, Replay: true}, {Block: 4, Position: 200, Record: []byte(`{"kind": "hold"}`)}}},
	}
	return requests, answers
}

// goldenBytes reads testdata/golden.txt: a name and its bytes in hex on each line.
func goldenBytes(t testing.TB) map[string][]byte {
	t.Helper()
	text, err := os.ReadFile("testdata/golden.txt")
	require.NoError(t, err)
	all := map[string][]byte{}
	for line := range strings.Lines(string(text)) {
		name, digits, _ := strings.Cut(strings.TrimSpace(line), " ")
		all[name], err = hex.DecodeString(digits)
		require.NoError(t, err, "%s is not hex", name)
	}
	return all
}

func TestBytesStayAsTheyAre(t *testing.T) {
	requests, answers := goldens()
	want := goldenBytes(t)
	require.Len(t, want, len(requests)+len(answers))
	for name, q := range requests {
		require.Equal(t, hex.EncodeToString(want[name]), hex.EncodeToString(Encode(q)), name)
		back, err := Decode(want[name])
		require.NoError(t, err, name)
		require.Equal(t, q, back, name)
	}
	for name, a := range answers {
		require.Equal(t, hex.EncodeToString(want[name]), hex.EncodeToString(a.Encode()), name)
		require.NotNil(t, a.Encode(), "nil is no answer")
		back, err := DecodeAnswer(want[name])
		require.NoError(t, err, name)
		require.Equal(t, a, back, name)
	}
}

// Whatever is not exactly a request stops the member, and reads as nothing.
func TestWhatIsNotExactlyARequestIsRefused(t *testing.T) {
	produce := Encode(&Produce{Token: "a"})
	for name, data := range map[string][]byte{
		"nothing":                {},
		"an unknown kind":        {0x7a, 0x00},
		"an unknown field":       {0x1a, 0x02, 0x18, 0x01},
		"a later level unsaid":   []byte("Z\t\b0\x12\x0500000"),
		"two in one":             append(produce[:len(produce):len(produce)], produce...),
		"more behind it":         append(produce[:len(produce):len(produce)], 0),
		"cut off":                produce[:len(produce)-1],
		"a fixed32":              {0x1d, 0, 0, 0, 0},
		"a request as a number":  {0x18, 0x01},
		"a token as a number":    {0x1a, 0x02, 0x08, 0x01},
		"a token twice":          {0x1a, 0x06, 0x0a, 0x01, 'a', 0x0a, 0x01, 'b'},
		"fields out of order":    {0x22, 0x06, 0x10, 0x01, 0x0a, 0x02, '{', '}'},
		"neither true nor false": {0x22, 0x06, 0x0a, 0x02, '{', '}', 0x10, 0x02},
		"an id too short":        {0x12, 0x05, 0x12, 0x03, 0x0a, 0x01, 0x00},
		"an amount as bytes":     {0x12, 0x05, 0x12, 0x03, 0x22, 0x01, 0x07},
		"a sender as a number":   {0x12, 0x04, 0x12, 0x02, 0x10, 0x07},
	} {
		q, err := Decode(data)
		require.ErrorIs(t, err, ErrUnknownRequest, name)
		require.Nil(t, q, name)
	}
	for name, data := range map[string][]byte{
		"an unknown field":      {0x30, 0x01},
		"a block as bytes":      {0x22, 0x01, 0x07},
		"a block twice":         {0x20, 0x01, 0x20, 0x01},
		"a replay of two":       {0x1a, 0x02, 0x20, 0x02},
		"a position beyond all": {0x1a, 0x06, 0x10, 0xff, 0xff, 0xff, 0xff, 0x7f},
		"an outcome cut off":    {0x1a, 0x02, 0x20},
	} {
		_, err := DecodeAnswer(data)
		require.Error(t, err, name)
	}
}

// A request of a level that nobody here knows says what to install, whatever it is.
func TestARequestOfALaterLevel(t *testing.T) {
	for name, data := range map[string][]byte{
		"of an unknown kind": {0x0a, 0x09, 0x08, 0x63, 0x12, 0x05, '0', '.', '9', '.', '0', 0x7a, 0x00},
		"of a known kind":    append([]byte{0x0a, 0x09, 0x08, 0x63, 0x12, 0x05, '0', '.', '9', '.', '0'}, Encode(&Produce{Token: "a"})...),
	} {
		q, err := Decode(data)
		require.ErrorIs(t, err, ErrUnknownRequest, name)
		require.ErrorIs(t, err, release.ErrTooOld, name)
		require.ErrorContains(t, err, "install bpsc 0.9.0", name)
		require.Nil(t, q, name)
		require.Equal(t, release.Need{Level: 0x63, Release: "0.9.0"}, NeedOf(data), name)
	}
	require.Zero(t, NeedOf(Encode(&Produce{Token: "a"})))
	require.Zero(t, NeedOf(nil))
	later := &Activate{Level: release.Newest + 1, Release: "9.0.0"}
	require.Equal(t, release.Newest+1, NeedOf(Encode(later)).Level, "whoever does not know it stops")
	require.Equal(t, release.First, LevelOf(&Produce{}))
	for _, q := range []Request{&MakeToken{}, &RevokeToken{}, &Note{Of: 1}} {
		require.Equal(t, release.Access, NeedOf(Encode(q)).Level)
		unsaid := Encode(q)[len("\n\t\b\x02\x12\x050.2.0"):]
		_, err := Decode(unsaid)
		require.ErrorIs(t, err, ErrUnknownRequest, "it does not say of which level it is")
	}
}

func BenchmarkSubmit(b *testing.B) {
	requests, _ := goldens()
	for _, name := range []string{"submit-open", "submit-signed"} {
		one := requests[name].(*Submit).Transactions
		q := &Submit{Token: "aka"}
		for range 999 / len(one) {
			q.Transactions = append(q.Transactions, one...)
		}
		b.Run(name+"/encode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Encode(q)
			}
		})
		data := Encode(q)
		b.Run(name+"/decode", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Whatever a transaction may ask for goes through the log, so that a field cannot
// be in the chain's table and not here.
func TestEveryFieldThatIsAskedForTravels(t *testing.T) {
	for _, kind := range []chain.Kind{chain.Transfer, chain.Hold, chain.Accept, chain.Reject, chain.Rules, chain.Issue, chain.Spend, chain.Burn} {
		needs, takes := kind.Asks()
		tx := chain.Transaction{Auth: &chain.Auth{}}
		for f := range chain.Field(32) {
			if !(needs | takes).Has(f) {
				continue
			}
			switch place := tx.Place(f).(type) {
			case *string:
				*place = "in " + f.String()
			case *chain.Amount:
				*place = chain.Amount(f) + 1
			case *chain.Seconds:
				*place = chain.Seconds(f) + 1
			case *chain.Hash:
				place[f] = 1
			case *chain.Signature:
				place[f] = 1
			case *bool:
				*place = true
			default:
				t.Fatalf("%s is of a type that nobody writes", f)
			}
		}
		q := &Submit{Token: "aka", Transactions: []chain.Transaction{tx}}
		back, err := Decode(Encode(q))
		require.NoError(t, err)
		require.Equal(t, Request(q), back, kind)
	}
}
