package witness

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// handover is the one of c to other members after so many blocks of chain 1, signed
// by those, whose keys are c's and then the others'.
func (c *cluster) handover(t testing.TB, next *cluster, number int, end uint64, recovery *proof.Recovery, signers ...int) []byte {
	t.Helper()
	h := proof.Handover{Number: number, Before: c.log(t, "").Policies.First().Hash(), Policy: next.log(t, "").Policies.First().Core(),
		Ends: []proof.End{{Token: "aka", ID: chain.Hash{1}, Size: end}}, Recovery: recovery}
	keys := slices.Concat(c.keys, next.keys)
	var lines []string
	for _, i := range signers {
		line, err := proof.Cosign(h.Body(), keys[i], unix)
		require.NoError(t, err)
		lines = append(lines, line)
	}
	note, err := proof.AssembleNote(h.Body(), lines...)
	require.NoError(t, err)
	return note
}

func hashOf(t testing.TB, note []byte) chain.Hash {
	h, err := proof.ReadHandover(note)
	require.NoError(t, err)
	return h.Hash()
}

func postHandover(w *Witness, note []byte) *httptest.ResponseRecorder {
	r := httptest.NewRecorder()
	w.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/add-handover", strings.NewReader(string(note))))
	return r
}

// The members change one after the other, and the witness goes on, over restarts
// too; whoever has left has no word any more.
func TestAWitnessGoesOnOverAChangeOfMembers(t *testing.T) {
	for _, pinned := range [][]byte{{1}, nil} {
		one, other, h, dir := newCluster(t, "one"), newCluster(t, "other"), grow(t, 30, 30, ""), t.TempDir()
		w, err := New(config(t, dir, one.log(t, "one", pinned...)))
		require.NoError(t, err)
		requireCosigned(t, h.at(t, 1, 8), post(w, one.body(t, h, 0, 8)))
		require.Equal(t, http.StatusForbidden, post(w, other.body(t, h, 8, 12)).Code)
		note := one.handover(t, other, 2, 10, nil, 0, 1)
		for range 2 { // the second time it knows
			r := postHandover(w, note)
			require.Equal(t, http.StatusOK, r.Code, r.Body)
			require.Equal(t, "2\n", r.Body.String())
		}
		require.Equal(t, http.StatusForbidden, post(w, one.body(t, h, 8, 12)).Code, "they are gone")
		requireCosigned(t, h.at(t, 1, 10), post(w, one.body(t, h, 8, 10)))
		require.NoError(t, w.Close())

		w = newWitness(t, dir, one.log(t, "one", pinned...))
		require.Equal(t, http.StatusForbidden, post(w, one.body(t, h, 10, 12)).Code)
		requireCosigned(t, h.at(t, 1, 12), post(w, other.body(t, h, 10, 12)))
		requireCosigned(t, h.at(t, 1, 14), post(w, other.body(t, h, 12, 14)))
		back := other.handover(t, one, 3, 20, nil, 0, 2)
		require.Equal(t, "3\n", postHandover(w, back).Body.String())
		requireCosigned(t, h.at(t, 1, 25), post(w, one.body(t, h, 14, 25)))
	}
}

func TestHandoversAreRefused(t *testing.T) {
	one, other, dir := newCluster(t, "one"), newCluster(t, "other"), t.TempDir()
	w := newWitness(t, dir, one.log(t, "one", 1), one.log(t, "another", 2))
	good := string(one.handover(t, other, 2, 10, nil, 0, 1))
	for name, c := range map[string]struct {
		body   string
		status int
		reason string
	}{
		"nothing":              {"", 400, "malformed handover"},
		"a checkpoint":         {string(one.sign(t, proof.Checkpoint{Origin: proof.Origin("aka", chain.Hash{1}), Size: 1, Root: chain.Hash{1}}, 0)), 400, "malformed handover"},
		"bytes behind it":      {good + "more", 400, "malformed handover"},
		"too large":            {good + strings.Repeat("a", proof.MaxHandoverBytes), 413, "at most"},
		"a minority":           {string(one.handover(t, other, 2, 10, nil, 0)), 403, "handover_minority"},
		"the new members":      {string(one.handover(t, other, 2, 10, nil, 3, 4, 5)), 403, "handover_minority"},
		"another size":         {strings.Replace(good, " 10\n", " 11\n", 1), 403, "cosignature_wrong"},
		"after another policy": {string(other.handover(t, one, 3, 20, nil, 0, 1)), 404, "of no log here"},
		"a recovery made up":   {string(one.handover(t, other, 2, 10, aRecovery(), 3, 4)), 403, "handover_minority"},
	} {
		r := postHandover(w, []byte(c.body))
		require.Equal(t, c.status, r.Code, name)
		require.Contains(t, r.Body.String(), c.reason, name)
	}
	files, err := os.ReadDir(filepath.Join(dir, "policies"))
	require.NoError(t, err)
	require.Empty(t, files)
}

func aRecovery() *proof.Recovery {
	return &proof.Recovery{By: "ada", Reason: "fire", Before: []string{"n1", "n2", "n3"}, After: []string{"n1"}}
}

// A recovery is for the witness's operator to accept, once.
func TestARecoveryStopsAWitnessUntilItIsAccepted(t *testing.T) {
	one, other, h, dir := newCluster(t, "one"), newCluster(t, "other"), grow(t, 30, 30, ""), t.TempDir()
	w, err := New(config(t, dir, one.log(t, "one", 1)))
	require.NoError(t, err)
	requireCosigned(t, h.at(t, 1, 8), post(w, one.body(t, h, 0, 8)))
	other.keys[0] = one.keys[0] // n1 went on
	note := one.handover(t, other, 2, 10, aRecovery(), 3, 4)
	for range 2 {
		r := postHandover(w, note)
		require.Equal(t, http.StatusForbidden, r.Code)
		require.Contains(t, r.Body.String(), "recovery_not_accepted")
		require.Contains(t, r.Body.String(), hashOf(t, note).String())
	}
	for _, c := range []*cluster{one, other} { // neither side, until somebody says which
		r := post(w, c.body(t, h, 8, 12))
		require.Equal(t, http.StatusForbidden, r.Code)
		require.Contains(t, r.Body.String(), "ada went on with [n1] of [n1 n2 n3]: fire")
	}
	requireCosigned(t, h.at(t, 1, 10), post(w, one.body(t, h, 8, 10)))
	require.NoError(t, w.Close())

	size := uint64(10)
	for _, accepted := range [][]chain.Hash{{{1}}, {hashOf(t, note)}, nil} {
		cfg := config(t, dir, one.log(t, "one", 1))
		cfg.AcceptRecovery = accepted
		w, err := New(cfg)
		require.NoError(t, err)
		r := post(w, other.body(t, h, size, size+2))
		if len(accepted) == 1 && accepted[0] != hashOf(t, note) {
			require.Equal(t, http.StatusForbidden, r.Code)
		} else {
			requireCosigned(t, h.at(t, 1, size+2), r)
			size += 2
		}
		require.NoError(t, w.Close())
	}
}

func TestAWitnessDoesNotStartWithADamagedHistory(t *testing.T) {
	one, other, dir := newCluster(t, "one"), newCluster(t, "other"), t.TempDir()
	w, err := New(config(t, dir, one.log(t, "one")))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, postHandover(w, one.handover(t, other, 2, 10, nil, 0, 1)).Code)
	require.NoError(t, w.Close())
	files, err := filepath.Glob(filepath.Join(dir, "policies", "*.history"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(files[0], text[:len(text)-9], 0o600))
	_, err = New(config(t, dir, one.log(t, "one")))
	require.ErrorContains(t, err, files[0])
}

// Members tell the witness who they are before they ask it, each handover once.
func TestTheAskerTellsOfHandovers(t *testing.T) {
	r, other, h := newRig(t), newCluster(t, "other"), grow(t, 20, 20, "")
	var notes [][]byte
	a := NewAsker(newClient(t), proof.Cosigner{Name: "w1", Key: witnessKey(t).Verifier(), URL: serve(t, r.answers)},
		func(after int) ([][]byte, error) { return notes[min(max(after-1, 0), len(notes)):], nil })
	require.NoError(t, r.ask(t, a, h, 5))
	require.Equal(t, map[int]int{200: 1}, r.answers.take())
	notes = append(notes, r.handover(t, other, 2, 5, nil, 0, 1))
	next := &rig{cluster: other}
	require.NoError(t, next.ask(t, a, h, 7))
	require.NoError(t, next.ask(t, a, h, 9))
	require.Equal(t, map[int]int{200: 3}, r.answers.take())
	err := r.ask(t, a, h, 11)
	require.ErrorContains(t, err, "403")

	// A witness of others knows no handovers; it cosigns what it knows.
	foreign := http.NewServeMux()
	foreign.HandleFunc("POST /add-checkpoint", r.witness.Handler().ServeHTTP)
	a = NewAsker(newClient(t), proof.Cosigner{Name: "w1", Key: witnessKey(t).Verifier(), URL: serve(t, foreign)},
		func(int) ([][]byte, error) { return notes, nil })
	require.NoError(t, next.ask(t, a, h, 13))
}
