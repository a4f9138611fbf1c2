package witness

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

func show(w *Witness, hash string) *httptest.ResponseRecorder {
	r := httptest.NewRecorder()
	w.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodGet, "/"+hash+"/checkpoint", nil))
	return r
}

func originHash(c proof.Checkpoint) string {
	sum := sha256.Sum256([]byte(c.Origin))
	return hex.EncodeToString(sum[:])
}

// Monitors get what was cosigned last, with the cosignature that the members got, and
// the log's signature that was verified.
func TestMonitorsSeeTheNewestCheckpoint(t *testing.T) {
	ours, h, dir := newCluster(t, "ours"), grow(t, 9, 9, ""), t.TempDir()
	w, err := New(config(t, dir, ours.log(t, "ours", 1)))
	require.NoError(t, err)
	hash := originHash(h.at(t, 1, 1))
	requireRefused(t, http.StatusNotFound, show(w, hash))
	for _, size := range []uint64{4, 9} {
		c := h.at(t, 1, size)
		signed, err := proof.SignAsLog(ours.sign(t, c, 0, 1), ours.keys[1])
		require.NoError(t, err)
		q := request{old: w.newestSize(c.Origin), path: h.path(w.newestSize(c.Origin), size), note: signed}
		answer := post(w, string(q.encode()))
		requireCosigned(t, c, answer)
		shown := show(w, hash)
		require.Equal(t, http.StatusOK, shown.Code, shown.Body)
		require.Equal(t, "text/plain; charset=utf-8", shown.Header().Get("Content-Type"))
		require.Equal(t, string(signed)+answer.Body.String(), shown.Body.String())

		key, err := note.NewVerifier(ours.keys[1].Verifier().Log(c.Origin))
		require.NoError(t, err)
		_, err = note.Open(shown.Body.Bytes(), note.VerifierList(key))
		require.NoError(t, err)
		cosigned, err := w.authorities[0].policies.Load().Verify(shown.Body.Bytes(), c.Origin)
		require.NoError(t, err)
		require.Equal(t, []string{"n2"}, cosigned.Log)
	}
	for _, other := range []string{strings.ToUpper(hash), hash[:32], hash[:32] + strings.Repeat("0", 32), strings.Repeat("0", 64), "x"} {
		requireRefused(t, http.StatusNotFound, show(w, other))
	}
	require.NoError(t, os.WriteFile(w.recordPath(h.at(t, 1, 1).Origin), []byte("{}"), 0o600))
	requireRefused(t, http.StatusServiceUnavailable, show(w, hash))
	require.NoError(t, w.Close())
}

// A record of 0.1.0 has no cosignature; its checkpoint gets one.
func TestMonitorsSeeWhatAnOlderVersionCosigned(t *testing.T) {
	ours, h, dir := newCluster(t, "ours"), grow(t, 9, 9, ""), t.TempDir()
	w, err := New(config(t, dir, ours.log(t, "ours", 1)))
	require.NoError(t, err)
	c := h.at(t, 1, 4)
	requireCosigned(t, c, post(w, ours.body(t, h, 0, 4)))
	r, _, err := readRecord(w.recordPath(c.Origin))
	require.NoError(t, err)
	r.Cosignature = ""
	require.NoError(t, durable.WriteSealed(w.recordPath(c.Origin), r))
	require.NoError(t, w.Close())
	shown := show(newWitness(t, dir, ours.log(t, "ours", 1)), originHash(c))
	require.Equal(t, http.StatusOK, shown.Code)
	line, found := strings.CutPrefix(shown.Body.String(), r.Note)
	require.True(t, found)
	require.NoError(t, witnessKey(t).Verifier().CheckLine(c.Body(), strings.TrimSuffix(line, "\n")))
}

// newestSize is what was cosigned of a chain.
func (w *Witness) newestSize(origin string) uint64 {
	if t := w.tracked(origin); t != nil {
		return t.newest.Size
	}
	return 0
}
