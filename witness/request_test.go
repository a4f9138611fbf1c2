package witness

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	cosignature "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/bpsc/bpsc/chain"
)

// A request put together by hand, as c2sp.org/tlog-witness says, with the
// hashes of RFC 6962, signed and verified by the code of others.
func TestARequestByHand(t *testing.T) {
	ours := newCluster(t, "ours")
	w := newWitness(t, t.TempDir(), ours.log(t, "ours", 1))
	node := func(l, r [32]byte) [32]byte { return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...)) }
	text := func(h [32]byte) string { return base64.StdEncoding.EncodeToString(h[:]) }
	leaf := func(s string) [32]byte { return sha256.Sum256([]byte("\x00" + s)) }
	a, b, c := leaf("a"), leaf("b"), leaf("c")
	send := func(head, body string) string {
		var signers []note.Signer
		for _, k := range ours.keys[:2] {
			s, err := cosignature.NewSignerForCosignatureV1(k.Encode())
			require.NoError(t, err)
			signers = append(signers, s)
		}
		signed, err := note.Sign(&note.Note{Text: body}, signers...)
		require.NoError(t, err)
		r := post(w, head+"\n"+string(signed))
		require.Equal(t, http.StatusOK, r.Code, r.Body)
		v, err := cosignature.NewVerifierForCosignatureV1(witnessKey(t).Verifier().String())
		require.NoError(t, err)
		opened, err := note.Open([]byte(string(signed)+r.Body.String()), note.VerifierList(v))
		require.NoError(t, err)
		require.Len(t, opened.Sigs, 1)
		return r.Body.String()
	}
	const origin = "bpsc/aka/0100000000000000\n"
	send("old 0\n", origin+"1\n"+text(a)+"\n")
	send("old 1\n"+text(b)+"\n", origin+"2\n"+text(node(a, b))+"\n")
	send("old 2\n"+text(c)+"\n", origin+"3\n"+text(node(node(a, b), c))+"\n")
	answer := send("old 3\n", origin+"3\n"+text(node(node(a, b), c))+"\n")
	require.True(t, strings.HasPrefix(answer, "— example.com/w1 ") && strings.HasSuffix(answer, "\n"))
	require.Equal(t, 1, strings.Count(answer, "\n"))
}

// The decoder takes one spelling, and nothing that it takes makes the witness
// sign what it may not.
func FuzzRequest(f *testing.F) {
	ours, h := newCluster(f, "ours"), grow(f, 20, 20, "")
	w := newWitness(f, f.TempDir(), ours.log(f, "ours", 1))
	require.Equal(f, http.StatusOK, post(w, ours.body(f, h, 0, 8)).Code)
	fork := grow(f, 20, 4, "fork")
	for _, size := range []uint64{8, 12, 20} {
		f.Add([]byte(ours.body(f, fork, 8, size)))
		q := request{old: 8, path: make([]chain.Hash, 63), note: ours.sign(f, h.at(f, 1, size), 0)}
		f.Add(q.encode())
	}
	f.Add([]byte(ours.body(f, h, 8, 8)))
	f.Add([]byte("old 0\n\n"))
	f.Add([]byte("old 01\n\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if q, err := decodeRequest(body); err == nil && string(q.encode()) != string(body) {
			t.Fatalf("%q turned into %q", body, q.encode())
		}
		line, err := w.cosign(body)
		var refused *refusal
		switch {
		case err == nil:
			require.NoError(t, witnessKey(t).Verifier().CheckLine(h.at(t, 1, 8).Body(), line))
		case !errors.As(err, &refused) || refused.status >= 500:
			t.Fatalf("%q: %v", body, err)
		}
	})
}
