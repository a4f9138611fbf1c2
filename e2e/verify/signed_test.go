package verify

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// person has a key that depends on its name only.
type person struct {
	key     ed25519.PrivateKey
	public  string
	address string
}

func newPerson(name string) person {
	seed := sha256.Sum256([]byte(name))
	key := ed25519.NewKeyFromSeed(seed[:])
	public := key.Public().(ed25519.PublicKey)
	return person{key, hex.EncodeToString(public), Address(public)}
}

var ann, bob, eve = newPerson("ann"), newPerson("bob"), newPerson("eve")

var signedGenesis = fmt.Sprintf(`{"contract": {"bpsc": "%s", "decimals": 6, "fee_ppm": 50, "fees": "hold", "freezable": true, `+
	`"hold_for": 60, "issuer": "%s", "loosening_delay": 0, "mintable": true, "on_request": true, "schedule": {"empty": true}, "supply": 10, `+
	`"token": "aka", "treasurer": "%[2]s", "wallets": "signed"}, "index": 1, "previous_hash": "1", "timestamp": 100.0, `+
	`"totals": {"burned": 0, "fees": 0, "held": 0, "issued": 10}, "transactions": [], "transactions_root": `+
	`"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "trigger": "genesis"}`, WalletOf("aka"), ann.address)

// says is a record in which NAME stands for the address of a person, and ID,
// KEY and SIG for what follows from a signature by that person over payload.
func says(by person, payload, record string) string {
	chain := sha256.Sum256([]byte(signedGenesis))
	names := strings.NewReplacer("ANN", ann.address, "BOB", bob.address, "EVE", eve.address, "FEES", WalletOf("aka"),
		"CHAIN", hex.EncodeToString(chain[:]), "BOBKEY", bob.public)
	message := []byte("bpsc/tx/v1\n" + names.Replace(payload))
	id := sha256.Sum256(message)
	own := strings.NewReplacer("ID", hex.EncodeToString(id[:]), "KEY", by.public, "SIG", hex.EncodeToString(ed25519.Sign(by.key, message)))
	return own.Replace(names.Replace(record))
}

const nonce = "00112233445566778899aabbccddeeff"

func transferBy(by person) string {
	return says(by, `{"amount": 1, "chain": "CHAIN", "expires": 200, "kind": "transfer", "memo": "\u00e9\n", "nonce": "`+nonce+
		`", "recipient": "BOB", "sender": "ANN"}`,
		`{"amount_bpsc": 5e-05, "amount_receive": 0.99995, "amount_send": 1, "bpsc": "FEES", "expires": 200, "id": "ID", "kind": "transfer", `+
			`"memo": "\u00e9\n", "nonce": "`+nonce+`", "public_key": "KEY", "recipient": "BOB", "sender": "ANN", "signature": "SIG", "time": 101.0}`)
}

func holdBy(by person) string {
	return says(by, `{"amount": 2, "chain": "CHAIN", "expires": 200, "hold_until": 150, "kind": "hold", "nonce": "`+nonce+
		`", "recipient": "BOB", "sender": "ANN"}`,
		`{"amount_send": 2, "expires": 200, "hold_until": 150, "id": "ID", "kind": "hold", "nonce": "`+nonce+
			`", "public_key": "KEY", "recipient": "BOB", "sender": "ANN", "signature": "SIG", "time": 101.5}`)
}

// idOf is the id that stands in a record.
func idOf(record string) string {
	_, after, _ := strings.Cut(record, `"id": "`)
	return after[:64]
}

func rejectBy(by person, at, nonce string) string {
	hold := idOf(holdBy(ann))
	return says(by, `{"chain": "CHAIN", "expires": 200, "hold": "`+hold+`", "kind": "reject", "nonce": "`+nonce+`", "sender": "BOB"}`,
		`{"amount_refund": 2, "expires": 200, "hold": "`+hold+`", "id": "ID", "kind": "refund", "nonce": "`+nonce+
			`", "public_key": "KEY", "reason": "rejected", "recipient": "BOB", "request": "reject", "sender": "ANN", "signature": "SIG", "time": `+at+`}`)
}

func expiryAt(at string) string {
	hold := idOf(holdBy(ann))
	bytes, err := hex.DecodeString(hold)
	if err != nil {
		panic(err)
	}
	id := sha256.Sum256(append([]byte("bpsc/expiry/v1\n"), bytes...))
	return says(ann, "", fmt.Sprintf(`{"amount_refund": 2, "hold": "%s", "id": "%x", "kind": "refund", "reason": "expired", `+
		`"recipient": "BOB", "sender": "ANN", "time": %s}`, hold, id, at))
}

// rulesBy changes what stands before the nonce, or what stands before the sender.
func rulesBy(by person, sender, early, late string) string {
	auth := early + `"nonce": "` + nonce + `", `
	return says(by, `{"chain": "CHAIN", "expires": 200, "kind": "rules", `+auth+late+`"sender": "`+sender+`"}`,
		`{"expires": 200, "id": "ID", "kind": "rules", `+auth+`"public_key": "`+by.public+`", `+late+
			`"sender": "`+sender+`", "signature": "SIG", "time": 101.0}`)
}

// checkSecond checks a chain whose second block has these records.
func checkSecond(at, fees, held string, records ...string) (*Ledger, error) {
	text := block(signedGenesis, 2, at, "request", fees, records...)
	text = strings.Replace(text, `"held": 0, "issued": 0`, `"held": `+held+`, "issued": 10`, 1)
	return check(signedGenesis, text)
}

func TestSignedAccepts(t *testing.T) {
	for _, c := range []struct {
		name, at, fees, held string
		records              []string
		ann, bob             int64
	}{
		{"a transfer", "210.0", "5e-05", "0", []string{transferBy(ann)}, 9_000_000, 999_950},
		{"a hold that waits", "149.0", "0", "2", []string{holdBy(ann)}, 8_000_000, 0},
		{"a hold rejected", "210.0", "0", "0", []string{holdBy(ann), rejectBy(bob, "102.0", nonce)}, 10_000_000, 0},
		{"a hold expired", "210.0", "0", "0", []string{holdBy(ann), expiryAt("150.0")}, 10_000_000, 0},
		{"a rotated key", "210.0", "5e-05", "0", []string{rulesBy(ann, "ANN", `"new_key": "`+eve.public+`", `, ""), transferBy(eve)}, 9_000_000, 999_950},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := checkSecond(c.at, c.fees, c.held, c.records...)
			if err != nil {
				t.Fatal(err)
			}
			if l.Balances[ann.address] != c.ann || l.Balances[bob.address] != c.bob {
				t.Errorf("balances %v", l.Balances)
			}
		})
	}
}

func TestSignedRefuses(t *testing.T) {
	good := transferBy(ann)
	changed := func(old, replacement string) string { return strings.Replace(good, old, replacement, 1) }
	other := transferBy(eve)
	signature := func(record string) string { return record[strings.Index(record, `"signature": "`):][14 : 14+128] }
	for _, c := range []struct {
		name, held string
		records    []string
		complaint  string
	}{
		{"a changed amount", "0", []string{strings.NewReplacer(`"amount_send": 1`, `"amount_send": 2`, "0.99995", "1.99995").Replace(good)}, "hash to"},
		{"a changed recipient", "0", []string{changed(bob.address, eve.address)}, "hash to"},
		{"a changed memo", "0", []string{changed(`\n`, `\t`)}, "hash to"},
		{"a changed nonce", "0", []string{changed(nonce, strings.Repeat("0", 32))}, "hash to"},
		{"a changed id", "0", []string{changed(idOf(good), strings.Repeat("0", 64))}, "hash to"},
		{"a swapped signature", "0", []string{changed(signature(good), signature(other))}, "signature is not by"},
		{"another's key", "0", []string{other}, "is not that of"},
		{"the key before a rotation", "0", []string{rulesBy(ann, "ANN", `"new_key": "`+eve.public+`", `, ""), good}, "is not that of"},
		{"another fee", "0", []string{strings.NewReplacer("5e-05", "6e-05", "0.99995", "0.99994").Replace(good)}, "the fee is"},
		{"a field too many", "0", []string{changed(`"sender"`, `"request": "transfer", "sender"`)}, "no record of this contract"},
		{"a field too few", "0", []string{changed(`"bpsc": "`+WalletOf("aka")+`", `, "")}, "has a bpsc"},
		{"keys in another order", "0", []string{changed(`"amount_bpsc": 5e-05, "amount_receive": 0.99995`, `"amount_receive": 0.99995, "amount_bpsc": 5e-05`)}, "not canonical"},
		{"after it expired", "0", []string{changed(`"time": 101.0`, `"time": 200.0`)}, "expires at"},
		{"time after the block", "0", []string{changed(`"time": 101.0`, `"time": 210.1`)}, "in its place"},
		{"time that runs back", "0", []string{holdBy(ann), good}, "in its place"},
		{"the hold by another", "0", []string{holdBy(ann), rejectBy(eve, "102.0", nonce)}, "is not that of"},
		{"a hold resolved twice", "0", []string{holdBy(ann), rejectBy(bob, "102.0", nonce), rejectBy(bob, "103.0", strings.Repeat("1", 32))}, "resolved before"},
		{"a hold rejected and expired", "0", []string{holdBy(ann), rejectBy(bob, "102.0", nonce), expiryAt("150.0")}, "resolved before"},
		{"a hold resolved too late", "0", []string{holdBy(ann), rejectBy(bob, "150.0", nonce)}, "ended at"},
		{"a hold expired too early", "0", []string{holdBy(ann), expiryAt("149.9")}, "waits until"},
		{"a hold that is none", "0", []string{rejectBy(bob, "102.0", nonce)}, "no hold"},
		{"nothing is said of what is given back", "2", []string{holdBy(ann), rejectBy(bob, "102.0", nonce)}, "totals"},
		{"a hold that has expired and is not given back", "2", []string{holdBy(ann)}, "has not been given back"},
		{"one that is given back behind a later record", "0", []string{holdBy(ann), says(eve, `{"chain": "CHAIN", "expires": 300, "kind": "rules", "nonce": "`+nonce+`", "receive": "auto", "sender": "EVE"}`,
			`{"expires": 300, "id": "ID", "kind": "rules", "nonce": "`+nonce+`", "public_key": "KEY", "receive": "auto", "sender": "EVE", "signature": "SIG", "time": 150.0}`), expiryAt("150.0")}, "has not been given back"},
		{"a transfer to a closed wallet", "0", []string{rulesBy(bob, "BOB", "", `"receive": "closed", `), good}, "gives \"closed\""},
		{"a freeze by another", "0", []string{says(bob, `{"account": "EVE", "chain": "CHAIN", "expires": 200, "frozen": true, "kind": "rules", "nonce": "`+nonce+`", "sender": "BOB"}`,
			`{"account": "EVE", "expires": 200, "frozen": true, "id": "ID", "kind": "rules", "nonce": "`+nonce+`", "public_key": "KEY", "sender": "BOB", "signature": "SIG", "time": 101.0}`)}, "may not freeze"},
		{"more than there is", "0", []string{says(bob, `{"amount": 1, "chain": "CHAIN", "expires": 200, "hold_until": 150, "kind": "hold", "nonce": "`+nonce+`", "recipient": "ANN", "sender": "BOB"}`,
			`{"amount_send": 1, "expires": 200, "hold_until": 150, "id": "ID", "kind": "hold", "nonce": "`+nonce+`", "public_key": "KEY", "recipient": "ANN", "sender": "BOB", "signature": "SIG", "time": 101.0}`)}, "has 0 units"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := checkSecond("210.0", "5e-05", c.held, c.records...); err == nil || !strings.Contains(err.Error(), c.complaint) {
				t.Errorf("got %v, want a complaint about %q", err, c.complaint)
			}
		})
	}
}

// The keys of tests 1 to 3 of RFC 8032, section 7.1.
func TestAddress(t *testing.T) {
	for public, want := range map[string]string{
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a": "bpsc1y8lrrhap2j3xzcntlp2qgm7jyudhhm2t0pt4wk",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c": "bpsc188m3859xgsjn7pzjjssmnagmnvyf08gg5ly77m",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025": "bpsc1mtq88cqj8002t8wekw76nnmqxlmr4j5z6y2csw",
	} {
		key, err := hex.DecodeString(public)
		if err != nil {
			t.Fatal(err)
		}
		if got := Address(key); got != want || !IsAddress(got) {
			t.Errorf("%s: %s, want %s", public, got, want)
		}
	}
	good := Address([]byte("a"))
	for _, bad := range []string{"", "bpsc1", strings.ToUpper(good), good + "q", good[:len(good)-1], good[:10] + "q" + good[11:], "x" + good[1:]} {
		if bad != good && IsAddress(bad) {
			t.Errorf("%q passes for an address", bad)
		}
	}
}
