package fsm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/e2e/verify"
)

// fields are all keys that any record has, each with values that could
// stand there in some record or seem to.
var fields = map[string][]string{
	"account": {`"` + newPerson("person 1").address + `"`, `"` + newPerson("person 2").address + `"`},
	"amount":  {"1", "2"}, "amount_bpsc": {"0", "0.01"}, "amount_receive": {"1", "2"}, "amount_refund": {"1", "2"}, "amount_send": {"1", "2"},
	"bpsc": {`"somebody"`, `"another"`}, "expires": {"1800000500", "1800000501"}, "frozen": {"true", "false"},
	"hold": {digits(64, "0"), digits(64, "1")}, "hold_until": {"1800000500", "1800000501"}, "id": {digits(64, "2"), digits(64, "3")},
	"kind": {`"transfer"`, `"hold"`}, "memo": {`"x"`, `""`}, "new_key": {digits(64, "4"), digits(64, "5")}, "nonce": {digits(32, "6"), digits(32, "7")},
	"per_day": {"5", "0"}, "per_transfer": {"6", "0"}, "public_key": {digits(64, "8"), digits(64, "9")}, "reason": {`"rejected"`, `"expired"`},
	"receive": {`"approve"`, `"auto"`}, "recipient": {`"` + newPerson("person 3").address + `"`, `"` + newPerson("person 4").address + `"`, `""`},
	"request": {`"transfer"`, `"accept"`}, "sender": {`"` + newPerson("person 3").address + `"`, `"` + newPerson("person 4").address + `"`, `""`},
	"signature": {digits(128, "a"), digits(128, "b")}, "time": {"1700000000.5", "1899999999.0"}, "unheard": {"1", `"x"`},
}

func digits(n int, digit string) string { return `"` + strings.Repeat(digit, n) + `"` }

// unsigned are the keys whose values nobody vouches for in an open contract:
// another text there is another record, not a wrong one.
var unsigned = map[string]bool{"id": true, "sender": true, "recipient": true, "memo": true}

// TestNoKeyOfARecordCanBeChanged takes honest chains and, in a record of each
// shape, adds, removes and changes every key that records can have. The block is
// hashed again, so nothing is wrong but the record.
func TestNoKeyOfARecordCanBeChanged(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	t.Parallel() // one of the two that take longest
	rng := rand.New(rand.NewPCG(31, 2))
	t.Run("signed", func(t *testing.T) {
		w := newTown(`,"fee_ppm":1500,"schedule":{"transactions":3,"every":"10m"}`, true)
		r := newRig(t)
		kinds := liveInTown(t, r, w, rng, 200)
		require.Len(t, kinds, 8, "every kind of record: %v", kinds)
		shapes := changeEveryKey(t, blocksOf(t, r.store, "aka"), func(string, string) bool { return false })
		require.Greater(t, len(shapes), 12, "too few shapes of records: %v", shapes)
	})
	t.Run("open", func(t *testing.T) {
		r := newRig(t)
		require.Empty(t, r.create(`{"token":"aka","wallets":"open","schedule":{"transactions":1}}`).Refused)
		r.send("k1", "alice", "bob", 5_000_000)
		noted := transfer("k2", "alice", "bob", 5_000_000)
		noted.Memo = "invoice 7"
		r.apply(submitRequest("aka", noted))
		shapes := changeEveryKey(t, blocksOf(t, r.store, "aka"), func(key, value string) bool {
			return unsigned[key] && value != `""` && (value != "" || key == "memo")
		})
		require.Len(t, shapes, 2)
	})
}

// changeEveryKey returns the shapes of records it has met. may says which
// values may stand at a key as well, "" for none.
func changeEveryKey(t *testing.T, blocks [][]byte, may func(key, value string) bool) []string {
	shapes := map[string]bool{}
	r := newFollowerRig(t)
	defer func() { require.NoError(t, r.store.Close()) }()
	a := NewAuditor()
	for i, good := range blocks {
		for _, record := range recordsOf(t, good) {
			var members map[string]json.RawMessage
			require.NoError(t, json.Unmarshal(record, &members))
			shape := fmt.Sprint(string(members["kind"]), string(members["reason"]), slices.Sorted(maps.Keys(members)))
			if shapes[shape] {
				continue
			}
			shapes[shape] = true
			for what, other := range changes(members, may) {
				bad := rehash(t, good, record, other)
				require.Error(t, adoptNext(r, bad), "the follower, %s: %s", what, other)
				verifier := a.Verifier
				_, err := a.Next(bad)
				require.ErrorIs(t, err, chain.ErrInvalid, "the auditor, %s: %s", what, other)
				a.Verifier = verifier
				_, err = verify.Check(append(blocks[:i:i], bad))
				require.Error(t, err, "the independent verifier, %s: %s", what, other)
			}
		}
		require.NoError(t, adoptNext(r, good))
		_, err := a.Next(good)
		require.NoError(t, err)
	}
	_, err := verify.Check(blocks)
	require.NoError(t, err)
	return slices.Sorted(maps.Keys(shapes))
}

// changes are the texts of a record in which one key is different.
func changes(members map[string]json.RawMessage, may func(key, value string) bool) map[string][]byte {
	list := map[string][]byte{}
	for key, values := range fields {
		if testing.Short() {
			values = values[:1]
		}
		for _, value := range values {
			if value == string(members[key]) || may(key, value) {
				continue
			}
			other := maps.Clone(members)
			other[key] = json.RawMessage(value)
			list[key+" is "+value] = sortedObject(other)
		}
		if _, has := members[key]; has && !may(key, "") {
			other := maps.Clone(members)
			delete(other, key)
			list["without "+key] = sortedObject(other)
		}
	}
	return list
}

func sortedObject(members map[string]json.RawMessage) []byte {
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(members)) {
		parts = append(parts, fmt.Sprintf("%q: %s", key, members[key]))
	}
	return []byte("{" + strings.Join(parts, ", ") + "}")
}

func recordsOf(t *testing.T, block []byte) (records []json.RawMessage) {
	var b struct{ Transactions []json.RawMessage }
	require.NoError(t, json.Unmarshal(block, &b))
	return b.Transactions
}

// rehash puts another record in the place of one, and makes the root right.
func rehash(t *testing.T, block, record, other []byte) []byte {
	bad := bytes.Replace(block, record, other, 1)
	root := func(block []byte) []byte {
		var root chain.RootBuilder
		for _, r := range recordsOf(t, block) {
			root.Add(r)
		}
		return []byte(`"transactions_root": "` + root.Root().String())
	}
	require.True(t, bytes.Contains(block, root(block)))
	return bytes.Replace(bad, root(block), root(bad), 1)
}

// adoptNext offers a block to a follower as it comes from an upstream.
func adoptNext(r *followerRig, block []byte) error {
	info, err := r.store.Contract("aka")
	contract := &info.Contract
	if err != nil {
		contract = nil
	}
	c, err := chain.CheckBlock(block, contract, info.ID)
	if err == nil {
		_, err = r.Adopt("aka", []chain.Checked{c})
	}
	return err
}
