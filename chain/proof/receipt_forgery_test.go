package proof_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// forgery is a file that is no receipt, and why.
type forgery struct {
	name string
	file []byte
	want error
}

func marshal(t testing.TB, r *proof.Receipt) []byte {
	t.Helper()
	file, err := r.Marshal()
	require.NoError(t, err)
	return file
}

// forgeries are made of a good receipt in many ways.
func forgeries(t testing.TB) (w *world, list []forgery) {
	w = newWorld(t, 9, nil)
	good := marshal(t, w.receipt(7, 2))
	forge := func(name string, want error, spoil func(r *proof.Receipt)) {
		r := w.receipt(7, 2)
		spoil(r)
		list = append(list, forgery{name, marshal(t, r), want})
	}
	forge("another amount", proof.ErrRecordPath, func(r *proof.Receipt) { r.Record = bytes.Replace(r.Record, []byte("12.5"), []byte("99.5"), 1) })
	forge("another recipient", proof.ErrRecordPath, func(r *proof.Receipt) { r.Record = bytes.Replace(r.Record, []byte(`"b"`), []byte(`"c"`), 1) })
	forge("a record of another block", proof.ErrRecordPath, func(r *proof.Receipt) { r.Record = w.receipt(6, 2).Record })
	forge("a record in another spelling", proof.ErrRecord, func(r *proof.Receipt) { r.Record = bytes.Replace(r.Record, []byte(`12.5`), []byte(`12.50`), 1) })
	forge("a record that is none", proof.ErrRecord, func(r *proof.Receipt) { r.Record = []byte("[]") })
	forge("another position", proof.ErrRecordPath, func(r *proof.Receipt) { r.Position = 3 })
	forge("a position behind the records", proof.ErrRecordPath, func(r *proof.Receipt) { r.Position = 6 })
	forge("the path of another record", proof.ErrRecordPath, func(r *proof.Receipt) { r.RecordProof = w.receipt(7, 3).RecordProof })
	forge("no path in the block", proof.ErrRecordPath, func(r *proof.Receipt) { r.RecordProof = nil })
	forge("a longer path in the block", proof.ErrRecordPath, func(r *proof.Receipt) { r.RecordProof = append(r.RecordProof, chain.Hash{}) })
	forge("a path longer than any in a block", proof.ErrTooLarge, func(r *proof.Receipt) { r.RecordProof = make([]chain.Hash, 15) })
	forge("the two paths swapped", proof.ErrLeafPath, func(r *proof.Receipt) { r.RecordProof, r.LeafProof = r.LeafProof, r.RecordProof })
	forge("a header with the forger's root", proof.ErrLeafPath, func(r *proof.Receipt) { r.Leaf.Root = chain.Hash{1} })
	forge("a header with another count", proof.ErrLeafPath, func(r *proof.Receipt) { r.Leaf.Transactions++ })
	forge("the header of another block", proof.ErrLeafPath, func(r *proof.Receipt) { r.Leaf = w.leaves[7] })
	forge("another block's header at this place", proof.ErrLeafPath, func(r *proof.Receipt) { r.Leaf = w.leaves[7]; r.Leaf.Index = 7 })
	forge("the path of another leaf", proof.ErrLeafPath, func(r *proof.Receipt) { r.LeafProof = w.inclusion(8, 9) })
	forge("the path in a smaller log", proof.ErrLeafPath, func(r *proof.Receipt) { r.LeafProof = w.inclusion(7, 8) })
	forge("a longer path in the log", proof.ErrLeafPath, func(r *proof.Receipt) { r.LeafProof = append(r.LeafProof, chain.Hash{}) })
	forge("a path longer than any in a log", proof.ErrTooLarge, func(r *proof.Receipt) { r.LeafProof = make([]chain.Hash, 42) })
	forge("a checkpoint before the block", proof.ErrStale, func(r *proof.Receipt) { r.Checkpoint = w.sign(w.checkpoint(6), 0, 1) })
	forge("a checkpoint of another size", proof.ErrLeafPath, func(r *proof.Receipt) { r.Checkpoint = w.sign(w.checkpoint(8), 0, 1) })
	forge("a checkpoint of another history", proof.ErrLeafPath, func(r *proof.Receipt) {
		c := w.checkpoint(9)
		c.Root = chain.Hash{1}
		r.Checkpoint = w.sign(c, 0, 1)
	})
	forge("another chain", proof.ErrOrigin, func(r *proof.Receipt) {
		c := w.checkpoint(9)
		c.Origin = proof.Origin(token, chain.Hash{1})
		r.Checkpoint = w.sign(c, 0, 1, 2)
	})
	forge("a minority", proof.ErrMinority, func(r *proof.Receipt) { r.Checkpoint = w.sign(w.checkpoint(9), 1) })
	forge("a member twice", proof.ErrMinority, func(r *proof.Receipt) { r.Checkpoint = w.sign(w.checkpoint(9), 1, 1) })
	forge("a member and a removed member", proof.ErrMinority, func(r *proof.Receipt) { r.Checkpoint = w.sign(w.checkpoint(9), 1, 3) })
	forge("signatures of another checkpoint", proof.ErrSignature, func(r *proof.Receipt) {
		r.Checkpoint = bytes.Replace(r.Checkpoint, w.checkpoint(9).Body(), w.checkpoint(8).Body(), 1)
	})
	forge("no checkpoint", proof.ErrEmpty, func(r *proof.Receipt) { r.Checkpoint = nil })
	forge("a checkpoint without signatures", proof.ErrNote, func(r *proof.Receipt) { r.Checkpoint = append(w.checkpoint(9).Body(), '\n') })
	forge("text behind the signatures", proof.ErrTrailing, func(r *proof.Receipt) { r.Checkpoint = append(r.Checkpoint, "more\n"...) })
	text := func(name string, want error, old, to string) {
		changed := bytes.Replace(good, []byte(old), []byte(to), 1)
		require.NotEqual(t, string(good), string(changed), name)
		list = append(list, forgery{name, changed, want})
	}
	extra := func(name string, want error, old, to string) {
		line, rest, _ := bytes.Cut(good[len("c2sp.org/tlog-proof@v1\nextra "):], []byte("\n"))
		data, err := base64.StdEncoding.DecodeString(string(line))
		require.NoError(t, err)
		changed := bytes.Replace(data, []byte(old), []byte(to), 1)
		require.NotEqual(t, string(data), string(changed), name)
		list = append(list, forgery{name, fmt.Appendf(nil, "c2sp.org/tlog-proof@v1\nextra %s\n%s", base64.StdEncoding.EncodeToString(changed), rest), want})
	}
	text("another version", proof.ErrReceipt, "@v1", "@v2")
	text("no extra data", proof.ErrReceipt, "extra ", "other ")
	text("another index", proof.ErrHeader, "index 6", "index 5")
	text("an index in another spelling", proof.ErrReceipt, "index 6", "index 06")
	text("an index that is none", proof.ErrReceipt, "index 6", "index -6")
	text("no index", proof.ErrReceipt, "index 6\n", "")
	text("carriage returns", proof.ErrReceipt, "index 6\n", "index 6\r\n")
	text("a line more", proof.ErrReceipt, "index 6\n", "index 6\nAAAA\n")
	extra("white space in the extra data", proof.ErrReceipt, `"position": 2`, `"position":  2`)
	extra("bytes after the extra data", proof.ErrReceipt, `]}`, `]} `)
	extra("another key", proof.ErrReceipt, `"position"`, `"positiom"`)
	extra("a key twice", proof.ErrReceipt, `"position": 2`, `"position": 2, "position": 2`)
	extra("no record", proof.ErrReceipt, `"record": {`, `"recore": {`)
	extra("another format", proof.ErrReceipt, `receipt/v1`, `receipt/v2`)
	extra("a leaf that is none", proof.ErrLeaf, `"index": 7`, `"index": 7.0`)
	extra("a position of many digits", proof.ErrSize, `"position": 2`, `"position": 18446744073709551618`)
	extra("a hash in upper case", proof.ErrReceipt, `"record_path": ["`, `"record_path": ["A`)
	list = append(list,
		forgery{"nothing", nil, proof.ErrEmpty},
		forgery{"too much", append(bytes.Clone(good), make([]byte, proof.MaxReceiptBytes)...), proof.ErrTooLarge},
		forgery{"half a receipt", good[:len(good)/2], proof.ErrReceipt},
		forgery{"the last byte missing", good[:len(good)-1], proof.ErrReceipt},
		forgery{"a byte more", append(bytes.Clone(good), '\n'), proof.ErrTrailing},
	)
	return w, list
}

func verify(p proof.Policies, file []byte) (*proof.Verified, error) {
	r, err := proof.ParseReceipt(file)
	if err != nil {
		return nil, err
	}
	return r.Verify(p)
}

func TestForgedReceiptsAreRefused(t *testing.T) {
	w, list := forgeries(t)
	p := w.policy()
	reasons := map[error]bool{}
	for _, f := range list {
		t.Run(f.name, func(t *testing.T) {
			_, err := verify(p, f.file)
			require.ErrorIs(t, err, f.want)
		})
		reasons[f.want] = true
	}
	require.GreaterOrEqual(t, len(reasons), 15)
}

func TestAReceiptNeedsNoOtherPolicysMembers(t *testing.T) {
	w := newWorld(t, 3, nil)
	r := w.receipt(3, 0) // signed by the first and the third
	others, err := proof.NewPolicy([]proof.Cosigner{w.cosigner(1), w.cosigner(2), w.cosigner(3)}, 2, nil, 0)
	require.NoError(t, err)
	_, err = r.Verify(others)
	require.ErrorIs(t, err, proof.ErrMinority)
}

// mutants are a good receipt with one byte changed, every byte in several ways.
func mutants(good []byte) (list [][]byte) {
	for i := range good {
		for _, to := range []byte{good[i] ^ 1, good[i] ^ 0x20, '\n'} {
			if to != good[i] {
				changed := bytes.Clone(good)
				changed[i] = to
				list = append(list, changed)
			}
		}
	}
	return list
}

// Whatever byte changes, a receipt is refused or proves the same, by no other
// signers than before.
func TestEveryByteOfAReceiptCounts(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	w := newWorld(t, 9, nil)
	r := w.receipt(7, 2)
	r.Checkpoint = w.sign(w.checkpoint(9), 0, 1, 2)
	p := w.policy()
	want, err := r.Verify(p)
	require.NoError(t, err)
	accepted := 0
	for _, changed := range mutants(marshal(t, r)) {
		got, err := verify(p, changed)
		if err != nil {
			continue
		}
		accepted++
		require.Len(t, got.Members, 2, "the changed signature is a stranger's")
		require.Subset(t, want.Members, got.Members)
		got.Members = want.Members
		require.Equal(t, want, got)
	}
	require.NotZero(t, accepted)
}

// The program in e2e/receipt shares no code with this package. It has to come
// to the same verdict on everything.
func TestTheIndependentVerifierAgrees(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "receipt")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "../../e2e/receipt").CombinedOutput()
	require.NoError(t, err, string(out))
	w, list := forgeries(t)
	var files [][]byte
	for block := uint64(2); block <= 9; block++ {
		files = append(files, marshal(t, w.receipt(block, int(block)-2)))
	}
	for _, f := range list {
		files = append(files, f.file)
	}
	three := w.receipt(7, 2)
	three.Checkpoint = w.asLog(w.sign(w.checkpoint(9), 3, 0, 1, 2), 1, 3)
	files = append(files, marshal(t, three), marshal(t, synthetic(t, w, 1_000_000, []byte(`{"amount_send": 1}`))))
	forged := len(files)
	files = append(files, mutants(marshal(t, three))...)

	args := []string{"policy"}
	for i, file := range files {
		args = append(args, fmt.Sprint(i))
		require.NoError(t, os.WriteFile(filepath.Join(dir, args[i+1]), file, 0o600))
	}
	witnessed, err := proof.NewPolicy(w.policy().Members(), 2, []proof.Cosigner{w.cosigner(3)}, 1)
	require.NoError(t, err)
	for _, c := range []struct {
		name   string
		policy policies
		files  int
	}{{"pinned", w.policy(), len(files)}, {"witnessed", witnessed, forged},
		{"before a change", changed(t, w, w.policy(), 9, nil), forged}, {"after a change", changed(t, w, w.policy(), 8, nil), forged},
		{"witnessed before a change", changed(t, w, witnessed, 9, nil), forged},
		{"after a recovery", changed(t, w, w.policy(), 8, aRecovery(t).Recovery), forged},
		{"before a recovery", changed(t, w, w.policy(), 9, aRecovery(t).Recovery), forged}} {
		t.Run(c.name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, "policy"), []byte(c.policy.String()), 0o600))
			cmd := exec.CommandContext(t.Context(), program, args[:1+c.files]...)
			cmd.Dir = dir
			agree(t, cmd, c.policy, files[:c.files])
		})
	}
}

// policies are a policy or a history, which a file can hold.
type policies interface {
	proof.Policies
	fmt.Stringer
}

// changed is a history in which n1 gets a new key after so many blocks, or is lost.
func changed(t *testing.T, w *world, first *proof.Policy, end uint64, recovery *proof.Recovery) *proof.History {
	renewed := w.cosigner(0)
	renewed.Key = newKey(t, "n1", 77).Verifier()
	said := proof.Handover{Number: 2, Before: first.Hash(), Policy: members(t, renewed, w.cosigner(1), w.cosigner(2)).Core(),
		Ends: []proof.End{{Token: w.pin.Token, ID: w.pin.ID, Size: end}}, Recovery: recovery}
	note := signedBy(t, said.Body(), signer{"n2", w.keys[1]}, signer{"n3", w.keys[2]})
	h, err := proof.NewHistory(first).Extend(note, nil)
	require.NoError(t, err)
	return h
}

// agree compares what the program says of each file with what we say.
func agree(t *testing.T, cmd *exec.Cmd, p proof.Policies, files [][]byte) {
	out, err := cmd.Output()
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit, "some are refused")
	require.Equal(t, 1, exit.ExitCode(), string(exit.Stderr))
	verdicts := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	require.Len(t, verdicts, len(files))
	good := 0
	for i, file := range files {
		v, err := verify(p, file)
		if err != nil {
			require.True(t, strings.HasPrefix(verdicts[i], "refused: "), "%v, but the program says %s", err, verdicts[i])
			continue
		}
		good++
		r, err := proof.ParseReceipt(file)
		require.NoError(t, err)
		var names []string
		for _, s := range append(v.Members, v.Witnesses...) {
			names = append(names, s.Name)
		}
		require.Equal(t, fmt.Sprintf("ok: %s block %d record %d %s signed by %s", v.Checkpoint.Origin, v.Block, v.Position, r.Record, strings.Join(names, " ")), verdicts[i])
	}
	t.Logf("%d receipts, %d good", len(files), good)
}
