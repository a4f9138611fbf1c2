package proof_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestVerifyAcceptsAMajority(t *testing.T) {
	w := newWorld(t, 5, nil)
	p := w.policy()
	c := w.checkpoint(5)
	got, err := p.Verify(w.sign(c, 2, 0), c.Origin)
	require.NoError(t, err)
	require.Equal(t, proof.Cosigned{Checkpoint: c, Members: []proof.Signer{{Name: "n1", Unix: unix}, {Name: "n3", Unix: unix + 2}}}, got)

	got, err = p.Verify(w.sign(c, 3, 0, 1, 2), "")
	require.NoError(t, err)
	require.Len(t, got.Members, 3, "the stranger's signature counts for nothing")
}

func TestWitnessesAreCountedApart(t *testing.T) {
	w := newWorld(t, 2, nil)
	p, err := proof.NewPolicy([]proof.Cosigner{w.cosigner(0), w.cosigner(1), w.cosigner(2)}, 2, []proof.Cosigner{w.cosigner(3)}, 1)
	require.NoError(t, err)
	c := w.checkpoint(2)
	got, err := p.Verify(w.sign(c, 0, 1, 3), c.Origin)
	require.NoError(t, err)
	require.Equal(t, []proof.Signer{{Name: "n4", Unix: unix + 3}}, got.Witnesses)
	_, err = p.Verify(w.sign(c, 0, 1, 2), c.Origin)
	require.ErrorIs(t, err, proof.ErrWitnesses)
	_, err = p.Verify(w.sign(c, 0, 3), c.Origin)
	require.ErrorIs(t, err, proof.ErrMinority)
}

func TestVerifyRefuses(t *testing.T) {
	w := newWorld(t, 5, nil)
	c := w.checkpoint(5)
	note := func(keys ...int) string { return string(w.sign(c, keys...)) }
	good := note(0, 1)
	signature := func(i int) string {
		return strings.TrimPrefix(strings.Split(good, "\n")[4+i], "— bpsc/test/"+[]string{"n1", "n2"}[i]+" ")
	}
	// reshape gives the first signature other bytes behind its key id.
	reshape := func(change func(raw []byte) []byte) string {
		raw, err := base64.StdEncoding.DecodeString(signature(0))
		require.NoError(t, err)
		raw = append(raw[:4:4], change(raw[4:])...)
		return strings.Replace(good, signature(0), base64.StdEncoding.EncodeToString(raw), 1)
	}
	elsewhere := c
	elsewhere.Origin = proof.Origin("aka", chain.Hash{1})
	renamed := c
	renamed.Origin = proof.Origin("akb", w.pin.ID)
	rotated := *w
	rotated.keys = append([]proof.SigningKey{newKey(t, "n1", 99)}, w.keys[1:]...)
	for _, f := range []struct {
		name, note string
		want       error
	}{
		{"nothing", "", proof.ErrEmpty},
		{"too much", good + strings.Repeat("a", proof.MaxNoteBytes), proof.ErrTooLarge},
		{"more lines than are read", string(c.Body()) + "\n" + strings.Repeat("— a AAAAAAA=\n", 101), proof.ErrTooLarge},
		{"no signatures", string(c.Body()) + "\n", proof.ErrNote},
		{"no blank line", strings.Replace(good, "\n\n", "\n", 1), proof.ErrNote},
		{"no newline at the end", strings.TrimSuffix(good, "\n"), proof.ErrNote},
		{"a blank line at the end", good + "\n", proof.ErrTrailing},
		{"text after the signatures", good + "and more\n", proof.ErrTrailing},
		{"a hyphen for the dash", strings.Replace(good, "—", "-", 1), proof.ErrTrailing},
		{"a signature that is none", strings.Replace(good, signature(0), "!!!", 1), proof.ErrNote},
		{"a signature without bytes", strings.Replace(good, signature(0), "AAAAAA==", 1), proof.ErrNote},
		{"base64 in another spelling", strings.Replace(good, "==\n", "=\n", 1), proof.ErrNote},
		{"a name with a control character", strings.Replace(good, "— bpsc", "— \x1bbpsc", 1), proof.ErrNote},
		{"a name that is not UTF-8", strings.Replace(good, "— bpsc", "— \xffbpsc", 1), proof.ErrNote},
		{"an extension line", strings.Replace(good, "\n\n", "\nmore\n\n", 1), proof.ErrCheckpoint},
		{"another size", strings.Replace(good, "\n5\n", "\n4\n", 1), proof.ErrSignature},
		{"size 0", strings.Replace(good, "\n5\n", "\n0\n", 1), proof.ErrSize},
		{"another root", strings.Replace(good, string(c.Body()), string(w.checkpoint(4).Body()), 1), proof.ErrSignature},
		{"signatures of another checkpoint", strings.Replace(string(w.sign(w.checkpoint(4), 0, 1)), string(w.checkpoint(4).Body()), string(c.Body()), 1), proof.ErrSignature},
		{"another chain of the same members", string(w.sign(elsewhere, 0, 1)), proof.ErrOrigin},
		{"another token of the same members", string(w.sign(renamed, 0, 1)), proof.ErrOrigin},
		{"a minority", note(1), proof.ErrMinority},
		{"strangers alone", note(3), proof.ErrMinority},
		{"a minority and a removed member", note(1, 3), proof.ErrMinority},
		{"a minority and a key that was replaced", string(rotated.sign(c, 0, 1)), proof.ErrMinority},
		{"one member twice", note(1, 1), proof.ErrMinority},
		{"one member at two times", note(1) + line(t, w, 1, unix+9) + "\n", proof.ErrMinority},
		{"a signature under another's name", strings.Replace(good, "test/n2", "test/n1", 1), proof.ErrMinority},
		{"no time", reshape(func(sig []byte) []byte { return sig[8:] }), proof.ErrTimestamp},
		{"time 0", reshape(func(sig []byte) []byte { return append(make([]byte, 8), sig[8:]...) }), proof.ErrTimestamp},
		{"a time beyond range", reshape(func(sig []byte) []byte { return append(bytes.Repeat([]byte{0xff}, 8), sig[8:]...) }), proof.ErrTimestamp},
		{"another time", reshape(func(sig []byte) []byte { return append(sig[:7:7], append([]byte{sig[7] + 1}, sig[8:]...)...) }), proof.ErrSignature},
		{"more bytes than a signature has", reshape(func(sig []byte) []byte { return append(sig[:len(sig):len(sig)], 0) }), proof.ErrTimestamp},
	} {
		t.Run(f.name, func(t *testing.T) {
			require.NotEqual(t, good, f.note)
			_, err := w.policy().Verify([]byte(f.note), "")
			require.ErrorIs(t, err, f.want)
		})
	}
	_, err := w.policy().Verify([]byte(good), elsewhere.Origin)
	require.ErrorIs(t, err, proof.ErrOrigin)
	for _, none := range []*proof.Policy{nil, {}} {
		_, err := none.Verify([]byte(good), "")
		require.ErrorIs(t, err, proof.ErrPolicy)
	}
}

func line(t testing.TB, w *world, key int, at chain.Seconds) string {
	l, err := proof.Cosign(w.checkpoint(5).Body(), w.keys[key], at)
	require.NoError(t, err)
	return l
}

// Whatever byte changes, a checkpoint is refused or says the same, signed by
// no one more than before.
func TestEveryByteOfACheckpointCounts(t *testing.T) {
	w := newWorld(t, 3, nil)
	p := w.policy()
	good := w.sign(w.checkpoint(3), 0, 1, 2)
	want, err := p.Verify(good, "")
	require.NoError(t, err)
	accepted := 0
	for i := range good {
		for _, to := range []byte{good[i] ^ 1, good[i] ^ 0x20, good[i] + 1, '\n', ' ', 0} {
			changed := bytes.Clone(good)
			if changed[i] = to; bytes.Equal(changed, good) {
				continue
			}
			got, err := p.Verify(changed, "")
			if err != nil {
				continue
			}
			accepted++
			require.Equal(t, want.Checkpoint, got.Checkpoint)
			require.Subset(t, want.Members, got.Members)
			require.Len(t, got.Members, 2, "byte %d: the signature with the changed name is a stranger's", i)
		}
	}
	require.NotZero(t, accepted)
}

func TestCheckLine(t *testing.T) {
	w := newWorld(t, 5, nil)
	p, body := w.policy(), w.checkpoint(5).Body()
	got, err := p.CheckLine(body, line(t, w, 1, unix))
	require.NoError(t, err)
	require.Equal(t, proof.Signer{Name: "n2", Unix: unix}, got)
	_, err = p.CheckLine(w.checkpoint(4).Body(), line(t, w, 1, unix))
	require.ErrorIs(t, err, proof.ErrSignature)
	_, err = p.CheckLine(body, line(t, w, 3, unix))
	require.ErrorIs(t, err, proof.ErrSignature)
	_, err = p.CheckLine(body, line(t, w, 1, unix)+"\n")
	require.ErrorIs(t, err, proof.ErrNote)
	_, err = p.CheckLine(body, strings.Repeat("a", proof.MaxNoteBytes+1))
	require.ErrorIs(t, err, proof.ErrTooLarge)
}

// FuzzNote checks that what is read here as a note is one for the library too,
// and that no input makes a majority out of a minority.
func FuzzNote(f *testing.F) {
	w := newWorld(f, 3, nil)
	for _, keys := range [][]int{{0}, {0, 1}, {0, 0}, {3, 0}} {
		f.Add(w.sign(w.checkpoint(3), keys...))
	}
	f.Add([]byte(nil))
	p := w.policy()
	want := w.checkpoint(3)
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := proof.ReadCheckpoint(data)
		if err != nil {
			return
		}
		if !bytes.HasPrefix(data, append(c.Body(), '\n')) {
			t.Fatalf("%q does not begin with %q", data, c.Body())
		}
		if _, err := note.Open(data, nil); !unverified(err) {
			t.Fatalf("the library says %v", err)
		}
		if signed, err := p.Verify(data, ""); err == nil && signed.Checkpoint != want {
			t.Fatalf("nobody signed %+v", signed.Checkpoint)
		}
	})
}

// unverified tells whether a note can be read, though no key is known.
func unverified(err error) bool {
	var unknown *note.UnverifiedNoteError
	return errors.As(err, &unknown)
}
