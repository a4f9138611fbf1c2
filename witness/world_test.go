package witness

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Every test leaves no goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const unix = chain.Seconds(1_800_000_000)

// history is a log's hashes in memory.
type history []tlog.Hash

func (h history) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	read := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		if x >= int64(len(h)) {
			return nil, fmt.Errorf("no hash %d", x)
		}
		read[i] = h[x]
	}
	return read, nil
}

// grow makes a log of n leaves. Two whose names differ part at leaf fork,
// counted from 0.
func grow(t testing.TB, n, fork int, name string) (h history) {
	t.Helper()
	for i := range n {
		leaf := sha256.Sum256(fmt.Append(nil, i))
		if i >= fork {
			leaf = sha256.Sum256(fmt.Append(nil, i, name))
		}
		added, err := tlog.StoredHashesForRecordHash(int64(i), leaf, h)
		require.NoError(t, err)
		h = append(h, added...)
	}
	return h
}

func (h history) at(t testing.TB, id byte, size uint64) proof.Checkpoint {
	t.Helper()
	root, err := tlog.TreeHash(int64(size), h)
	require.NoError(t, err)
	return proof.Checkpoint{Origin: proof.Origin("aka", chain.Hash{id}), Size: size, Root: chain.Hash(root)}
}

// path is the proof of a request; where there can be none, it is empty.
func (h history) path(old, size uint64) []chain.Hash {
	path, _, err := proof.ProveConsistency(old, size, h)
	if err != nil {
		return nil
	}
	return path
}

// cluster is three members.
type cluster struct{ keys []proof.SigningKey }

func newCluster(t testing.TB, name string) *cluster {
	c := &cluster{}
	for i := range 3 {
		keyName, err := proof.KeyName(name, fmt.Sprintf("n%d", i+1))
		require.NoError(t, err)
		key, err := proof.NewSigningKey(keyName, sha256.Sum256([]byte(keyName)))
		require.NoError(t, err)
		c.keys = append(c.keys, key)
	}
	return c
}

// log wants two of the three members and means the chains with these ids.
func (c *cluster) log(t testing.TB, name string, ids ...byte) Log {
	t.Helper()
	var members []proof.Cosigner
	for i, k := range c.keys {
		members = append(members, proof.Cosigner{Name: fmt.Sprintf("n%d", i+1), Key: k.Verifier()})
	}
	var chains []proof.Chain
	for _, id := range ids {
		chains = append(chains, proof.Chain{Token: "aka", ID: chain.Hash{id}})
	}
	p, err := proof.NewPolicy(members, 2, nil, 0, chains...)
	require.NoError(t, err)
	return Log{Name: name, Policies: proof.NewHistory(p)}
}

// sign is a checkpoint with the signatures of members, counted from 0.
func (c *cluster) sign(t testing.TB, checkpoint proof.Checkpoint, members ...int) []byte {
	t.Helper()
	var lines []string
	for _, m := range members {
		line, err := proof.Cosign(checkpoint.Body(), c.keys[m], unix)
		require.NoError(t, err)
		lines = append(lines, line)
	}
	note, err := proof.AssembleNote(checkpoint.Body(), lines...)
	require.NoError(t, err)
	return note
}

// body is a request for chain 1 that an honest cluster would send.
func (c *cluster) body(t testing.TB, h history, old, size uint64) string {
	t.Helper()
	q := request{old: old, path: h.path(old, size), note: c.sign(t, h.at(t, 1, size), 0, 1)}
	return string(q.encode())
}

func witnessKey(t testing.TB) proof.SigningKey {
	t.Helper()
	key, err := proof.NewSigningKey("example.com/w1", [32]byte{99})
	require.NoError(t, err)
	return key
}

func config(t testing.TB, dir string, logs ...Log) Config {
	cfg := DefaultConfig()
	cfg.Dir, cfg.Key, cfg.Logs = dir, witnessKey(t), logs
	cfg.Now = func() time.Time { return unix.Time() }
	return cfg
}

func newWitness(t testing.TB, dir string, logs ...Log) *Witness {
	t.Helper()
	w, err := New(config(t, dir, logs...))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

func post(w *Witness, body string) *httptest.ResponseRecorder {
	r := httptest.NewRecorder()
	w.Handler().ServeHTTP(r, httptest.NewRequest(http.MethodPost, "/add-checkpoint", strings.NewReader(body)))
	return r
}

// requireCosigned checks that an answer is the witness's word on a checkpoint.
func requireCosigned(t testing.TB, c proof.Checkpoint, r *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, http.StatusOK, r.Code, r.Body)
	line, ended := strings.CutSuffix(r.Body.String(), "\n")
	require.True(t, ended)
	require.NoError(t, witnessKey(t).Verifier().CheckLine(c.Body(), line))
}

func requireConflict(t testing.TB, size uint64, r *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, http.StatusConflict, r.Code, r.Body)
	require.Equal(t, "text/x.tlog.size", r.Header().Get("Content-Type"))
	require.Equal(t, fmt.Sprintf("%d\n", size), r.Body.String())
}

func requireRefused(t testing.TB, status int, r *httptest.ResponseRecorder) {
	t.Helper()
	require.Equal(t, status, r.Code, r.Body)
}
