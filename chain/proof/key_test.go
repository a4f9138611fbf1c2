package proof_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestKeysReadBack(t *testing.T) {
	key := newKey(t, "n1", 7)
	again, err := proof.ParseSigningKey(key.Encode() + "\n")
	require.NoError(t, err)
	require.Equal(t, key.Encode(), again.Encode())
	public, err := proof.ParseVerifierKey(key.Verifier().String())
	require.NoError(t, err)
	require.Equal(t, key.Verifier(), public)
	require.Equal(t, "bpsc/test/n1", public.Name())
}

// What is signed here is good for the library that others use, and what that
// library signs is good here.
func TestCosignaturesAgreeWithTheLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var seed [32]byte
		copy(seed[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))
		key, err := proof.NewSigningKey("bpsc/n1", seed)
		require.NoError(t, err)
		c := proof.Checkpoint{Origin: proof.Origin(token, chain.Hash(seed)), Size: rapid.Uint64Range(1, proof.MaxSize).Draw(t, "size"), Root: seed}
		at := chain.Seconds(rapid.Int64Range(1, int64(chain.MaxTimestamp.Seconds())).Draw(t, "at"))
		line, err := proof.Cosign(c.Body(), key, at)
		require.NoError(t, err)
		signed, err := proof.AssembleNote(c.Body(), line)
		require.NoError(t, err)

		verifier, err := f_note.NewVerifierForCosignatureV1(key.Verifier().String())
		require.NoError(t, err)
		n, err := note.Open(signed, note.VerifierList(verifier))
		require.NoError(t, err)
		require.Len(t, n.Sigs, 1)
		when, err := f_note.CoSigV1Timestamp(n.Sigs[0])
		require.NoError(t, err)
		require.Equal(t, int64(at), when.Unix())

		signer, err := f_note.NewSignerForCosignatureV1(key.Encode())
		require.NoError(t, err)
		theirs, err := note.Sign(&note.Note{Text: string(c.Body())}, signer)
		require.NoError(t, err)
		p, err := proof.NewPolicy([]proof.Cosigner{{Name: "n1", Key: key.Verifier()}}, 1, nil, 0)
		require.NoError(t, err)
		_, err = p.Verify(theirs, c.Origin)
		require.NoError(t, err)
	})
}

// A line is good for the key whose name and number stand in it, and for the text that it is over.
func TestALineIsOfOneKey(t *testing.T) {
	key := newKey(t, "n1", 7)
	c := proof.Checkpoint{Origin: proof.Origin(token, chain.Hash{1}), Size: 3, Root: chain.Hash{2}}
	line, err := proof.Cosign(c.Body(), key, 1)
	require.NoError(t, err)
	require.NoError(t, key.Verifier().CheckLine(c.Body(), line))
	for name, of := range map[string]proof.SigningKey{"another name": newKey(t, "n2", 7), "another key": newKey(t, "n1", 8)} {
		require.ErrorIs(t, of.Verifier().CheckLine(c.Body(), line), proof.ErrSignature, name)
	}
	renamed := strings.Replace(line, "/n1 ", "/n2 ", 1)
	require.NotEqual(t, line, renamed)
	require.ErrorIs(t, key.Verifier().CheckLine(c.Body(), renamed), proof.ErrSignature)
	c.Size++
	require.ErrorIs(t, key.Verifier().CheckLine(c.Body(), line), proof.ErrSignature)
	require.Error(t, key.Verifier().CheckLine(c.Body(), ""))
}

func TestNewVerifierKeyRefuses(t *testing.T) {
	public := newKey(t, "n1", 7).Verifier().Public()
	for _, name := range []string{"", "n 1", "n+1", "n\n", "n\x00", "n\xff", strings.Repeat("n", 1000)} {
		_, err := proof.NewVerifierKey(name, public)
		require.ErrorIs(t, err, proof.ErrKey, "%q", name)
	}
	_, err := proof.NewVerifierKey("n1", chain.PublicKey{})
	require.ErrorIs(t, err, proof.ErrKey)
}

func TestCosignRefuses(t *testing.T) {
	w := newWorld(t, 1, nil)
	body := w.checkpoint(1).Body()
	for _, c := range []struct {
		name string
		body string
		at   chain.Seconds
		want error
	}{
		{"what is no checkpoint", "pay me\n", unix, proof.ErrCheckpoint},
		{"nothing", "", unix, proof.ErrEmpty},
		{"an extension line", string(body) + "and more\n", unix, proof.ErrCheckpoint},
		{"no time", string(body), 0, proof.ErrTimestamp},
		{"a time before 1970", string(body), -1, proof.ErrTimestamp},
		{"a time beyond range", string(body), 1<<33 + 1, proof.ErrTimestamp},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := proof.Cosign([]byte(c.body), w.keys[0], c.at)
			require.ErrorIs(t, err, c.want)
		})
	}
}

func TestASecretIsNotPrinted(t *testing.T) {
	key := newKey(t, "n1", 7)
	secret := key.Encode()[strings.LastIndexByte(key.Encode(), '+')+1:]
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		require.NotContains(t, fmt.Sprintf(verb, key), secret)
		require.Equal(t, key.Verifier().String(), fmt.Sprintf(verb, &key))
	}
	for _, broken := range []string{key.Encode()[1:], key.Encode() + "x", strings.Replace(key.Encode(), "n1", "n2", 1)} {
		_, err := proof.ParseSigningKey(broken)
		require.ErrorIs(t, err, proof.ErrKey)
		require.NotContains(t, err.Error(), secret)
	}
}

func TestParseVerifierKeyRefuses(t *testing.T) {
	good := newKey(t, "n1", 7).Verifier().String()
	name, _, _ := strings.Cut(good, "+")
	plain, err := note.NewEd25519VerifierKey(name, make([]byte, 32))
	require.NoError(t, err)
	for name, text := range map[string]string{
		"nothing":          "",
		"a name":           "bpsc/n1",
		"an unnamed key":   strings.TrimPrefix(good, name),
		"another name":     strings.Replace(good, "n1", "n2", 1),
		"another id":       strings.Replace(good, "+", "+0", 1),
		"upper case":       strings.ToUpper(good),
		"a plain key":      plain,
		"a short key":      good[:len(good)-4],
		"more behind":      good + "\n",
		"base64 that lies": good[:len(good)-1] + "/",
		"the private key":  newKey(t, "n1", 7).Encode(),
		"the zero key":     "bpsc/n1+00000000+" + base64.StdEncoding.EncodeToString(append([]byte{4}, make([]byte, 32)...)),
	} {
		_, err := proof.ParseVerifierKey(text)
		require.ErrorIs(t, err, proof.ErrKey, name)
	}
}

func TestKeyNames(t *testing.T) {
	name, err := proof.KeyName("", "n1")
	require.NoError(t, err)
	require.Equal(t, "bpsc/n1", name)
	for _, bad := range []string{"", "a b", "a+b", "a/b", "ä", strings.Repeat("a", 65)} {
		_, err := proof.KeyName("", bad)
		require.ErrorIs(t, err, proof.ErrKey, bad)
		if bad != "" {
			_, err = proof.KeyName(bad, "n1")
			require.ErrorIs(t, err, proof.ErrKey, bad)
		}
	}
	longest := strings.Repeat("a", 64)
	name, err = proof.KeyName(longest, longest)
	require.NoError(t, err)
	_, err = proof.NewVerifierKey(name, chain.PublicKey{1})
	require.NoError(t, err)
}
