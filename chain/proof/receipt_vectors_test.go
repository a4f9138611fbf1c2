package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

var update = flag.Bool("update", false, "write the golden vectors again")

// receiptVectors are receipts, good and forged, with what this package says of them: for
// verifiers in other languages, that of the page among them (api/page/app/proof).
type receiptVectors struct {
	Policies []policyVector  `json:"policies"`
	Receipts []receiptVector `json:"receipts"`
}

type policyVector struct {
	Name string     `json:"name"`
	Text string     `json:"text"`
	Hash chain.Hash `json:"hash"` // of the first policy
}

type receiptVector struct {
	Name  string   `json:"name"`
	File  string   `json:"file"`
	Code  string   `json:"code,omitempty"` // why the first policy's verifier refuses it; "" if it does not
	Holds []string `json:"holds"`          // the policies by which it verifies
}

func TestReceiptVectors(t *testing.T) {
	const path = "testdata/receipts.json"
	got, err := json.MarshalIndent(makeReceiptVectors(t), "", " ")
	require.NoError(t, err)
	got = append(got, '\n')
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got), "go test ./chain/proof -run TestReceiptVectors -update writes them again")
}

func makeReceiptVectors(t *testing.T) (v receiptVectors) {
	w, forged := forgeries(t)
	witnessed, err := proof.NewPolicy(w.policy().Members(), 2, []proof.Cosigner{w.cosigner(3)}, 1)
	require.NoError(t, err)
	others, err := proof.NewPolicy([]proof.Cosigner{w.cosigner(1), w.cosigner(2), w.cosigner(3)}, 2, nil, 0)
	require.NoError(t, err)
	list := map[string]policies{}
	add := func(name string, p policies, first *proof.Policy) {
		list[name] = p
		v.Policies = append(v.Policies, policyVector{name, p.String(), first.Hash()})
	}
	add("pinned", w.policy(), w.policy())
	add("witnessed", witnessed, witnessed)
	add("others", others, others)
	add("before a change", changed(t, w, w.policy(), 9, nil), w.policy())
	add("after a change", changed(t, w, w.policy(), 8, nil), w.policy())
	add("before a recovery", changed(t, w, w.policy(), 9, aRecovery(t).Recovery), w.policy())
	add("after a recovery", changed(t, w, w.policy(), 8, aRecovery(t).Recovery), w.policy())

	three := w.receipt(7, 2)
	three.Checkpoint = w.asLog(w.sign(w.checkpoint(9), 3, 0, 1, 2), 1, 3)
	files := []forgery{
		{"good", marshal(t, w.receipt(7, 2)), nil},
		{"signed by all, a stranger, and for the log", marshal(t, three), nil},
		{"of a large log", marshal(t, synthetic(t, w, 1_000_000_007, []byte(`{"amount_send": 1, "memo": "M\u00e4rz \ud83c\udfe0"}`))), nil},
		{"of an owner who signed", marshal(t, signedReceipt(t, func(*chain.Transaction) {})), nil},
		// The members vouch for who asked; whoever has the whole id of the chain can see it.
		{"of an owner who did not sign", marshal(t, signedReceipt(t, func(tx *chain.Transaction) { tx.Amount++ })), nil},
	}
	for _, f := range append(files, forged...) {
		if len(f.file) > proof.MaxReceiptBytes {
			continue // what is too large is known by its length
		}
		one := receiptVector{Name: f.name, File: string(f.file), Holds: []string{}}
		if f.want != nil {
			one.Code = f.want.Error()
		}
		for _, p := range v.Policies {
			if _, err := verify(list[p.Name], f.file); err == nil {
				one.Holds = append(one.Holds, p.Name)
			}
		}
		v.Receipts = append(v.Receipts, one)
	}
	return v
}

// signedReceipt is that of a transfer that carries the signature of its owner over what
// spoil makes of it. It is alone in the second block of the same chain.
func signedReceipt(t *testing.T, spoil func(*chain.Transaction)) *proof.Receipt {
	t.Helper()
	w := newWorld(t, 1, nil)
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	c := chain.DefaultContract()
	c.BPSC = chain.BPSCAddress(token)
	tx := chain.Transaction{Kind: chain.Transfer, Recipient: chain.BPSCAddress("another"), Amount: 12_500_000, Memo: "Miete März 🏠 <b>\u202e",
		Auth: &chain.Auth{Nonce: "00112233445566778899aabbccddeeff", Expires: unix + 60, PublicKey: chain.PublicKey(key.Public().(ed25519.PublicKey))}}
	tx.Sender = tx.Auth.PublicKey.Address()
	signed := tx.AppendSigned(nil, w.pin.ID, decimals)
	tx.ID = chain.SignedID(signed)
	tx.Auth.Signature = chain.Signature(ed25519.Sign(key, signed))
	spoil(&tx)
	r, err := chain.NewTransfer(&c, &tx)
	require.NoError(t, err)
	r.Time = unix.Micros() + 2
	text := chain.AppendRecord(nil, &r, decimals)
	var root chain.RootBuilder
	root.Add(text)
	w.append(&chain.Block{Header: chain.Header{Index: 2, Timestamp: unix.Micros() + 3, PreviousHash: w.leaves[0].Hash.String(),
		Totals: &chain.Totals{}, Trigger: chain.ByTime, HasRoot: true, Root: root.Root()}, Records: []chain.Record{r}})
	return w.receipt(2, 0)
}
