package proof_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	f_log "github.com/transparency-dev/formats/log"
	"golang.org/x/mod/sumdb/note"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// asLog signs a checkpoint as the log, with the keys of those numbers.
func (w *world) asLog(signed []byte, keys ...int) []byte {
	w.t.Helper()
	for _, k := range keys {
		var err error
		signed, err = proof.SignAsLog(signed, w.keys[k])
		require.NoError(w.t, err)
	}
	return signed
}

// logLine is the line that SignAsLog puts above the others.
func (w *world) logLine(c proof.Checkpoint, key int) string {
	signed := w.asLog(w.sign(c, 0), key)
	return strings.Split(string(signed), "\n")[4]
}

func TestLogKeysAreThoseOfTheStandard(t *testing.T) {
	w := newWorld(t, 5, nil)
	c := w.checkpoint(5)
	require.Equal(t, "bpsc/aka/b9982bda766d8d9c+810f785c+Ac7MFQfcHd1ylZUcKQiI8JWtuQRNG3PWlubfBl1oO9T8", w.keys[0].Verifier().Log(c.Origin))
	signed := w.asLog(w.sign(c, 0, 2), 1)
	for i := range 4 {
		key, err := note.NewVerifier(w.keys[i].Verifier().Log(c.Origin))
		require.NoError(t, err)
		read, _, _, err := f_log.ParseCheckpoint(signed, c.Origin, key)
		if i != 1 {
			require.Error(t, err, "that member has not signed as the log")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, c.Size, read.Size)
		require.Equal(t, c.Root[:], read.Hash)
	}
	got, err := w.policy().Verify(signed, c.Origin)
	require.NoError(t, err)
	require.Equal(t, []string{"n2"}, got.Log)
	require.Len(t, got.Members, 2, "the word of the log is nobody's cosignature")
	_, err = proof.SignAsLog(c.Body(), w.keys[0])
	require.ErrorIs(t, err, proof.ErrNote)
}

// Whoever has one log key, or all of them, has no checkpoint that verifies.
func TestALogKeyIsNoMajority(t *testing.T) {
	w := newWorld(t, 5, nil)
	p, c := w.policy(), w.checkpoint(5)
	alone, err := proof.AssembleNote(c.Body(), w.logLine(c, 0))
	require.NoError(t, err)
	all, err := proof.AssembleNote(c.Body(), w.logLine(c, 0), w.logLine(c, 1), w.logLine(c, 2))
	require.NoError(t, err)
	cosignature := line(t, w, 0, unix)
	raw := func(signature string) string { return signature[strings.LastIndexByte(signature, ' ')+1:] }
	for name, f := range map[string]struct {
		note string
		want error
	}{
		"one of them":                         {string(alone), proof.ErrMinority},
		"all of them":                         {string(all), proof.ErrMinority},
		"one, and one member":                 {string(w.asLog(w.sign(c, 1), 0)), proof.ErrMinority},
		"one that is over another checkpoint": {insert(w.sign(c, 0, 1), w.logLine(w.checkpoint(4), 2)), proof.ErrSignature},
		"a cosignature under the log's name":  {insert(w.sign(c, 0, 1), relabel(t, w.logLine(c, 2), raw(cosignature))), proof.ErrSignature},
		"a log's signature as a cosignature":  {insert(w.sign(c, 1), relabel(t, cosignature, raw(w.logLine(c, 0)))), proof.ErrTimestamp},
		"one without bytes enough":            {insert(w.sign(c, 0, 1), relabel(t, w.logLine(c, 2), "AAAAAAA=")), proof.ErrSignature},
	} {
		_, err := p.Verify([]byte(f.note), c.Origin)
		require.ErrorIs(t, err, f.want, name)
	}
	got, err := p.Verify([]byte(insert(w.sign(c, 0, 1), w.logLine(w.checkpoint(4), 3))), c.Origin)
	require.NoError(t, err, "a stranger's signature counts for nothing, and may be of anything")
	require.Empty(t, got.Log)
}

// insert puts a line above the other signatures.
func insert(signed []byte, line string) string {
	return strings.Replace(string(signed), "\n\n", "\n\n"+line+"\n", 1)
}

// relabel gives a signature's line the bytes of another, and keeps its key.
func relabel(t *testing.T, line, encoded string) string {
	t.Helper()
	i := strings.LastIndexByte(line, ' ')
	own, err := base64.StdEncoding.DecodeString(line[i+1:])
	require.NoError(t, err)
	other, err := base64.StdEncoding.DecodeString(encoded)
	require.NoError(t, err)
	return line[:i+1] + base64.StdEncoding.EncodeToString(append(own[:4:4], other[4:]...))
}

// Who has signed one history as a member and another as the log has signed two.
func TestALogSignatureConvicts(t *testing.T) {
	w := newWorld(t, 5, nil)
	c := w.checkpoint(5)
	forged := c
	forged.Root = chain.Hash{1}
	alone, err := proof.AssembleNote(forged.Body(), w.logLine(forged, 0))
	require.NoError(t, err)
	e, err := proof.NewEquivocation(w.sign(c, 0, 1), alone, chain.Hash{}, nil)
	require.NoError(t, err)
	proven, err := e.Verify(w.policy())
	require.NoError(t, err)
	require.Equal(t, []string{"n1"}, proven.Signed)

	e, err = proof.NewEquivocation(w.sign(c, 1, 2), alone, chain.Hash{}, nil)
	require.NoError(t, err)
	_, err = e.Verify(w.policy())
	require.ErrorIs(t, err, proof.ErrNobody)
}

// As 0.1.0 wrote policies, and as those of several chains are still written, lines
// `log` name the chains themselves.
func TestPoliciesWithoutLogKeys(t *testing.T) {
	w := newWorld(t, 1, nil)
	want := w.policy()
	_, rest, _ := strings.Cut(want.String(), "witness ")
	line := "log aka " + w.pin.ID.String() + "\n"
	got, err := proof.ParsePolicy([]byte(line + "witness " + rest))
	require.NoError(t, err)
	require.Equal(t, want.String(), got.String())
	several := line + strings.Replace(line, "aka", "gold", 1) + "witness " + rest
	got, err = proof.ParsePolicy([]byte(several))
	require.NoError(t, err)
	require.Equal(t, []proof.Chain{w.pin, {Token: "gold", ID: w.pin.ID}}, got.Chains())
	require.Equal(t, several, got.String())
	_, err = proof.ParsePolicy([]byte("log aka " + w.pin.ID.String()[:16] + "\nwitness " + rest))
	require.ErrorIs(t, err, proof.ErrPolicy)
}
