package verify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const genesis = `{"contract": {"bpsc": "fees", "decimals": 6, "fee_ppm": 50, "fees": "hold", "on_request": false, ` +
	`"schedule": {"empty": false, "every": 2.0, "transactions": 2}, "token": "aka", "wallets": "open"}, ` +
	`"index": 1, "previous_hash": "1", "timestamp": 100.0, "totals": {"burned": 0, "fees": 0, "held": 0, "issued": 0}, ` +
	`"transactions": [], "transactions_root": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "trigger": "genesis"}`

// record is a transfer of 1 token, the n-th of its kind.
func record(n int) string {
	id := fmt.Sprintf("%064d", n)
	return `{"amount_bpsc": 5e-05, "amount_receive": 0.99995, "amount_send": 1, "bpsc": "fees", "id": "` + id +
		`", "kind": "transfer", "recipient": "b", "sender": "a"}`
}

// block is a block that follows the given text, with the right root and hash.
func block(previous string, index int, time, trigger, fees string, records ...string) string {
	hash := sha256.Sum256([]byte(previous))
	var leaves []json.RawMessage
	for _, r := range records {
		leaves = append(leaves, json.RawMessage(r))
	}
	return fmt.Sprintf(`{"index": %d, "previous_hash": "%s", "timestamp": %s, "totals": {"burned": 0, "fees": %s, "held": 0, "issued": 0}, `+
		`"transactions": [%s], "transactions_root": "%s", "trigger": "%s"}`,
		index, hex.EncodeToString(hash[:]), time, fees, strings.Join(records, ", "), merkleRoot(leaves), trigger)
}

func check(texts ...string) (*Ledger, error) {
	var chain [][]byte
	for _, t := range texts {
		chain = append(chain, []byte(t))
	}
	return Check(chain)
}

func TestCheckAcceptsAGoodChain(t *testing.T) {
	two := block(genesis, 2, "100.5", "count", "0.0001", record(1), record(2))
	three := block(two, 3, "102.5", "time", "0.00015", record(3))
	l, err := check(genesis, two, three)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Records) != 3 || l.Balances["a"] != -3_000_000 || l.Balances["b"] != 2_999_850 || l.Balances["fees"] != 150 {
		t.Errorf("records %d, balances %v", len(l.Records), l.Balances)
	}
}

// recovery is the mark of a cluster that went on, with the right id.
func recovery(more, time string) string {
	text := `"kind": "recovery", "members_after": "n1", "members_before": "n1,n2", "reason": "fire"` + more + `, "sender": "ops", "time": ` + time + `}`
	return fmt.Sprintf(`{"id": "%x", %s`, sha256.Sum256([]byte("bpsc/recovery/v1\n{"+text)), text)
}

func TestCheckAcceptsARecovery(t *testing.T) {
	two := block(genesis, 2, "101.5", "count", "5e-05", recovery("", "101.0"), record(1))
	l, err := check(genesis, two)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Records) != 2 || l.Balances["ops"] != 0 {
		t.Errorf("records %d, balances %v", len(l.Records), l.Balances)
	}
	for name, text := range map[string]string{
		"another id":    strings.Replace(recovery("", "101.0"), "fire", "flood", 1),
		"another field": recovery(`, "recipient": "b"`, "101.0"),
		"too late":      recovery("", "102.5"),
		"too early":     recovery("", "99.5"),
		"no order":      strings.Replace(recovery("", "101.0"), "n1,n2", "n2,n1", 1),
	} {
		if _, err := check(genesis, block(genesis, 2, "101.5", "count", "5e-05", text, record(1))); err == nil {
			t.Errorf("%s passes", name)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	second := func(time, trigger, fees string, records ...string) string {
		return block(genesis, 2, time, trigger, fees, records...)
	}
	good := second("102.0", "time", "5e-05", record(1))
	for _, c := range []struct{ name, text, complaint string }{
		{"a broken link", strings.Replace(good, `"previous_hash": "`, `"previous_hash": "0`, 1), "previous_hash"},
		{"a gap", block(genesis, 3, "102.0", "time", "5e-05", record(1)), "index"},
		{"another root", strings.Replace(good, `"transactions_root": "`, `"transactions_root": "0`, 1), "transactions_root"},
		{"the same id twice", second("102.0", "count", "0.0001", record(1), record(1)), "already"},
		{"a missing fee", second("102.0", "time", "0", strings.NewReplacer("5e-05", "0", "0.99995", "1").Replace(record(1))), "the fee is"},
		{"tokens out of nothing", second("102.0", "time", "5e-05", strings.Replace(record(1), "0.99995", "1.99995", 1)), "the fee is"},
		{"less than a unit", second("102.0", "time", "5e-05", strings.Replace(record(1), "0.99995", "0.99995000001", 1)), "whole number"},
		{"other totals", second("102.0", "time", "0.5", record(1)), "totals"},
		{"too early", second("101.9", "time", "5e-05", record(1)), "by time after"},
		{"back in time", second("99.9", "count", "0.0001", record(1), record(2)), "before the time"},
		{"empty against the contract", second("102.0", "time", "0"), "empty"},
		{"a count not reached", second("102.0", "count", "5e-05", record(1)), "by count"},
		{"a count passed", second("102.0", "time", "0.00015", record(1), record(2), record(3)), "more than a block may hold"},
		{"on request", second("102.0", "request", "5e-05", record(1)), "on request"},
		{"an unknown trigger", second("102.0", "whim", "5e-05", record(1)), "trigger"},
		{"an unknown kind", second("102.0", "time", "5e-05", strings.Replace(record(1), `"transfer"`, `"gift"`, 1)), "no record of this contract"},
		{"an unknown key", strings.Replace(good, `{"index"`, `{"extra": 1, "index"`, 1), "unknown field"},
		{"text after its end", good + `}`, "more after the end"},
		{"a second genesis", second("102.0", "genesis", "0"), "trigger"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, err := check(genesis, c.text); err == nil || !strings.Contains(err.Error(), c.complaint) {
				t.Errorf("got %v, want a complaint about %q", err, c.complaint)
			}
		})
	}
	t.Run("the good one is good", func(t *testing.T) {
		if _, err := check(genesis, good); err != nil {
			t.Error(err)
		}
	})
}

// The roots are those of the reference implementation for these leaves.
func TestMerkleRoot(t *testing.T) {
	leaf := func(s string) json.RawMessage { return json.RawMessage(s) }
	for _, c := range []struct {
		leaves []json.RawMessage
		want   string
	}{
		{nil, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{[]json.RawMessage{leaf("")}, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{[]json.RawMessage{leaf(""), leaf("\x00")}, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{[]json.RawMessage{leaf(""), leaf("\x00"), leaf("\x10")}, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
	} {
		if got := merkleRoot(c.leaves); got != c.want {
			t.Errorf("%d leaves: %s, want %s", len(c.leaves), got, c.want)
		}
	}
}
