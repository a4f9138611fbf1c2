package witness

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
)

func TestTwoHistoriesLeaveEvidence(t *testing.T) {
	ours, h, dir := newCluster(t, "ours"), grow(t, 9, 9, ""), t.TempDir()
	var alarms bytes.Buffer
	cfg := config(t, dir, ours.log(t, "ours", 1))
	cfg.Logger = slog.New(slog.NewTextHandler(&alarms, nil))
	w, err := New(cfg)
	require.NoError(t, err)
	defer w.Close()
	files := func() []string {
		found, err := filepath.Glob(filepath.Join(dir, "evidence", "*", "*"+proof.EvidenceSuffix))
		require.NoError(t, err)
		return found
	}
	first, second := h.at(t, 1, 9), grow(t, 9, 3, "second").at(t, 1, 9)
	ask := func(c proof.Checkpoint, members ...int) {
		q := request{old: 9, note: ours.sign(t, c, members...)}
		requireRefused(t, http.StatusUnprocessableEntity, post(w, string(q.encode())))
	}
	requireCosigned(t, first, post(w, ours.body(t, h, 0, 9)))
	require.Empty(t, files())
	ask(second, 1, 2)
	ask(second, 0, 1, 2)
	require.Len(t, files(), 1, "of one contradiction there is one file")
	require.Contains(t, alarms.String(), "two histories of one chain")
	require.Contains(t, alarms.String(), "signed_both=[n2]")

	data, err := os.ReadFile(files()[0])
	require.NoError(t, err)
	e, err := proof.ParseEvidence(data)
	require.NoError(t, err)
	found, err := e.Verify(cfg.Logs[0].Policies)
	require.NoError(t, err)
	require.Equal(t, &proof.Contradiction{A: first, B: second, Signed: []string{"n2"}}, found)

	for i := range 2 * maxEvidence {
		ask(grow(t, 9, 3, fmt.Sprint(i)).at(t, 1, 9), 0, 1)
	}
	require.Len(t, files(), maxEvidence)
	late := request{old: 8, note: ours.sign(t, second, 0, 1)}
	requireConflict(t, 9, post(w, string(late.encode())))
	require.Contains(t, alarms.String(), "there is evidence enough")
}

// Members that are no longer in the policy convict nobody of it, but both
// notes are kept.
func TestEvidenceOutlivesTheMembers(t *testing.T) {
	before, after, dir := newCluster(t, "before"), newCluster(t, "after"), t.TempDir()
	w, err := New(config(t, dir, before.log(t, "ours", 1)))
	require.NoError(t, err)
	require.Equal(t, 200, post(w, before.body(t, grow(t, 5, 0, "one"), 0, 5)).Code)
	require.NoError(t, w.Close())
	w = newWitness(t, dir, after.log(t, "ours", 1))
	requireRefused(t, http.StatusUnprocessableEntity, post(w, after.body(t, grow(t, 5, 0, "other"), 5, 5)))
	found, err := filepath.Glob(filepath.Join(dir, "evidence", "*", "*"+proof.EvidenceSuffix))
	require.NoError(t, err)
	require.Len(t, found, 1)
}

// An alarm whose evidence cannot be written has it in the log.
func TestEvidenceThatCannotBeKeptIsLogged(t *testing.T) {
	ours, dir := newCluster(t, "ours"), t.TempDir()
	var alarms bytes.Buffer
	cfg := config(t, dir, ours.log(t, "ours", 1))
	cfg.Logger = slog.New(slog.NewTextHandler(&alarms, nil))
	w, err := New(cfg)
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "evidence"), nil, 0o600))
	require.Equal(t, 200, post(w, ours.body(t, grow(t, 5, 0, "one"), 0, 5)).Code)
	requireRefused(t, http.StatusUnprocessableEntity, post(w, ours.body(t, grow(t, 5, 0, "other"), 5, 5)))
	require.Contains(t, alarms.String(), "could not be kept")
	require.Contains(t, alarms.String(), `bpsc/evidence/v1`)
}
