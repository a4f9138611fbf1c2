package witness

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// lastLook is a connection that looks at the disk when the answer leaves, and
// breaks.
type lastLook struct {
	*httptest.ResponseRecorder
	look func()
}

func (l *lastLook) Write(answer []byte) (int, error) {
	l.look()
	return 0, http.ErrAbortHandler
}

func TestTheRecordIsThereBeforeTheCosignatureLeaves(t *testing.T) {
	ours, h, dir := newCluster(t, "ours"), grow(t, 9, 9, ""), t.TempDir()
	w, err := New(config(t, dir, ours.log(t, "ours", 1)))
	require.NoError(t, err)
	requireCosigned(t, h.at(t, 1, 4), post(w, ours.body(t, h, 0, 4)))
	looked := 0
	broken := &lastLook{httptest.NewRecorder(), func() {
		looked++
		r, c, err := readRecord(w.recordPath(h.at(t, 1, 9).Origin))
		require.NoError(t, err)
		require.Equal(t, h.at(t, 1, 9), c)
		require.Len(t, r.Members, 3)
	}}
	w.Handler().ServeHTTP(broken, httptest.NewRequest(http.MethodPost, "/add-checkpoint", strings.NewReader(ours.body(t, h, 4, 9))))
	require.Equal(t, 1, looked)
	require.NoError(t, w.Close())

	// The members never got that answer. They find out, and get it.
	again := newWitness(t, dir, ours.log(t, "ours", 1))
	requireConflict(t, 9, post(again, ours.body(t, h, 4, 9)))
	requireCosigned(t, h.at(t, 1, 9), post(again, ours.body(t, h, 9, 9)))
	requireConflict(t, 9, post(again, ours.body(t, grow(t, 9, 4, "other"), 4, 9)))
}

func TestAfterAFailedWriteNothingIsCosigned(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 9, 9, "")
	w := newWitness(t, t.TempDir(), ours.log(t, "ours"))
	requireCosigned(t, h.at(t, 1, 4), post(w, ours.body(t, h, 0, 4)))
	aside := w.recordsDir() + ".aside"
	require.NoError(t, os.Rename(w.recordsDir(), aside))
	require.Equal(t, http.StatusServiceUnavailable, post(w, ours.body(t, h, 4, 9)).Code)
	require.NoError(t, os.Rename(aside, w.recordsDir()))
	require.Equal(t, http.StatusServiceUnavailable, post(w, ours.body(t, h, 4, 9)).Code)
	require.Equal(t, http.StatusServiceUnavailable, post(w, ours.body(t, h, 4, 4)).Code)
	require.Error(t, w.Ready())
	live := httptest.NewRecorder()
	w.Handler().ServeHTTP(live, httptest.NewRequest(http.MethodGet, "/livez", nil))
	require.Equal(t, http.StatusServiceUnavailable, live.Code)
}

// A disk that is full is no disk that lies: what is there is read again, and
// counts, and when there is room the witness goes on.
func TestAfterAFullDiskTheRecordCounts(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 9, 9, "")
	w := newWitness(t, t.TempDir(), ours.log(t, "ours"))
	requireCosigned(t, h.at(t, 1, 4), post(w, ours.body(t, h, 0, 4)))
	path := w.recordPath(h.at(t, 1, 9).Origin)
	require.NoError(t, os.Symlink("/dev/full", path+".tmp"))
	require.Equal(t, http.StatusServiceUnavailable, post(w, ours.body(t, h, 4, 9)).Code)
	require.NoError(t, w.Ready())
	requireConflict(t, 4, post(w, ours.body(t, h, 2, 9)))
	requireCosigned(t, h.at(t, 1, 9), post(w, ours.body(t, h, 4, 9)))
	requireConflict(t, 9, post(w, ours.body(t, grow(t, 9, 4, "other"), 4, 9)))

	// The write may have reached the disk and failed after that.
	other := grow(t, 12, 9, "")
	require.NoError(t, os.Symlink("/dev/full", path+".tmp"))
	require.Equal(t, http.StatusServiceUnavailable, post(w, ours.body(t, other, 9, 12)).Code)
	written, _, err := readRecord(path)
	require.NoError(t, err)
	written.Note = string(ours.sign(t, other.at(t, 1, 12), 0, 1))
	require.NoError(t, durable.WriteSealed(path, written))
	requireConflict(t, 12, post(w, ours.body(t, other, 9, 12)))
}

func TestItDoesNotStartWithoutItsMemory(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 4, 4, "")
	for name, c := range map[string]struct {
		spoil func(t *testing.T, path string)
		want  string
	}{
		"a damaged record": {func(t *testing.T, path string) {
			data, err := os.ReadFile(path)
			require.NoError(t, err)
			data[len(data)/2] ^= 1
			require.NoError(t, os.WriteFile(path, data, 0o600))
		}, durable.ErrSeal.Error()},
		"the record of another chain": {func(t *testing.T, path string) {
			require.NoError(t, os.Rename(path, filepath.Join(filepath.Dir(path), fileName("other")+recordSuffix)))
		}, "has not its name"},
		"a record without checkpoint": {func(t *testing.T, path string) {
			require.NoError(t, durable.WriteSealed(path, record{Note: "nothing"}))
		}, string(proof.ErrNote)},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w, err := New(config(t, dir, ours.log(t, "ours", 1)))
			require.NoError(t, err)
			requireCosigned(t, h.at(t, 1, 4), post(w, ours.body(t, h, 0, 4)))
			require.NoError(t, w.Close())
			c.spoil(t, w.recordPath(h.at(t, 1, 4).Origin))
			for range 2 { // the folder is given back
				_, err = New(config(t, dir, ours.log(t, "ours", 1)))
				require.ErrorContains(t, err, c.want)
			}
		})
	}
}

func TestWhatACrashLeftOfAWriteMeansNothing(t *testing.T) {
	ours, h, dir := newCluster(t, "ours"), grow(t, 4, 4, ""), t.TempDir()
	w, err := New(config(t, dir, ours.log(t, "ours")))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	require.NoError(t, os.WriteFile(w.recordPath(h.at(t, 1, 4).Origin)+".tmp", []byte("ha"), 0o600))
	again := newWitness(t, dir, ours.log(t, "ours"))
	requireCosigned(t, h.at(t, 1, 4), post(again, ours.body(t, h, 0, 4)))
}

func TestAFolderHasOneWitness(t *testing.T) {
	ours, dir := newCluster(t, "ours"), t.TempDir()
	newWitness(t, dir, ours.log(t, "ours"))
	_, err := New(config(t, dir, ours.log(t, "ours")))
	require.ErrorIs(t, err, ErrLocked)
}
