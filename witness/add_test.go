package witness

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func TestAnswers(t *testing.T) {
	ours, strangers := newCluster(t, "ours"), newCluster(t, "strangers")
	h, fork := grow(t, 20, 20, ""), grow(t, 20, 4, "fork")
	at := func(size uint64) proof.Checkpoint { return h.at(t, 1, size) }
	note := func(size uint64) []byte { return ours.sign(t, at(size), 0, 1) }
	body := func(old uint64, path []chain.Hash, note []byte) string {
		q := request{old: old, path: path, note: note}
		return string(q.encode())
	}
	good := ours.body(t, h, 8, 12)
	asLog := func(signed []byte) []byte {
		signed, err := proof.SignAsLog(signed, ours.keys[2])
		require.NoError(t, err)
		return signed
	}
	ofAnother := strings.Split(string(asLog(note(9))), "\n")[4] + "\n"
	const conflict = "8\n"
	for _, c := range []struct {
		name, body string
		status     int
		answer     string // of a conflict; else a part of the reason
	}{
		{"the next checkpoint", good, 200, ""},
		{"the same again", ours.body(t, h, 8, 8), 200, ""},
		{"all members signed", body(8, h.path(8, 12), ours.sign(t, at(12), 0, 1, 2)), 200, ""},
		{"the log has signed as well", body(8, h.path(8, 12), asLog(note(12))), 200, ""},
		{"a chain that it has not seen", body(0, nil, ours.sign(t, h.at(t, 2, 5), 1, 2)), 200, ""},

		{"a chain that it does not know", body(0, nil, ours.sign(t, h.at(t, 3, 5), 0, 1)), 404, "unknown origin"},
		{"a log of another kind", "old 0\n\nexample.com/log\n7\n" + strings.Repeat("A", 43) + "=\n\n— example.com/log AAAAAAAA\n", 404, "unknown origin"},
		{"nobody of ours signed", body(8, h.path(8, 12), strangers.sign(t, at(12), 0, 1, 2)), 403, "0 of 3 members signed, 2 are needed"},
		{"a minority signed", body(8, h.path(8, 12), ours.sign(t, at(12), 2)), 403, "1 of 3 members signed, 2 are needed"},
		{"a minority and the log signed", body(8, h.path(8, 12), asLog(ours.sign(t, at(12), 0))), 403, "1 of 3 members signed, 2 are needed"},
		{"the log has signed something else", good + ofAnother, 403, "cosignature_wrong"},
		{"a signature of another size", strings.Replace(good, "\n12\n", "\n13\n", 1), 403, "cosignature_wrong"},

		{"old is larger than the checkpoint", body(13, nil, note(12)), 400, "the old size is 13, the checkpoint's 12"},
		{"nothing", "", 400, "no blank line"},
		{"no checkpoint", "old 8\n\n", 400, "malformed checkpoint"},
		{"no old size", good[strings.Index(good, "\n")+1:], 400, "is not the line of the old size"},
		{"a leading zero", "old 0" + good[4:], 400, "is not the line of the old size"},
		{"a sign", "old +" + good[4:], 400, "is not the line of the old size"},
		{"two spaces", "old  " + good[4:], 400, "is not the line of the old size"},
		{"old beyond any number", "old 18446744073709551616\n\n" + string(note(12)), 400, "is not the line of the old size"},
		{"old beyond any log", "old 18446744073709551615\n\n" + string(note(12)), 400, "the old size is"},
		{"carriage returns", strings.ReplaceAll(good, "\n", "\r\n"), 400, "no blank line"},
		{"a short hash", "old 8\nAAAA\n\n" + string(note(12)), 400, "is not a hash"},
		{"a hash without padding", "old 8\n" + strings.Repeat("A", 43) + "\n\n" + string(note(12)), 400, "is not a hash"},
		{"a hash with loose bits", "old 8\n" + strings.Repeat("A", 42) + "B=\n\n" + string(note(12)), 400, "is not a hash"},
		{"64 hashes", body(8, make([]chain.Hash, 64), note(12)), 400, "more than 63 hashes"},
		{"a fourth line in the checkpoint", strings.Replace(good, "=\n\n— ", "=\nmore\n\n— ", 1), 400, "malformed checkpoint"},
		{"no signature", body(8, h.path(8, 12), append(at(12).Body(), '\n')), 400, "malformed checkpoint"},
		{"bytes behind it", good + "more", 400, "malformed checkpoint"},
		{"too large", good + strings.Repeat("A", maxRequestBytes), 413, "at most"},

		{"an older proof", ours.body(t, h, 5, 12), 409, conflict},
		{"a newer proof", ours.body(t, h, 9, 12), 409, conflict},
		{"from the beginning", ours.body(t, h, 0, 12), 409, conflict},
		{"a smaller checkpoint", ours.body(t, h, 5, 7), 409, conflict},
		{"another root of the same size, from an older proof", ours.body(t, fork, 3, 8), 409, conflict},

		{"another root of the same size", ours.body(t, fork, 8, 8), 422, "another root of 8 blocks"},
		{"another history", ours.body(t, fork, 8, 12), 422, "log_inconsistent"},
		{"no proof", body(8, nil, note(12)), 422, "log_inconsistent"},
		{"a proof of another size", body(8, h.path(7, 12), note(12)), 422, "log_inconsistent"},
		{"63 hashes", body(8, make([]chain.Hash, 63), note(12)), 422, "path of 63"},
		{"a proof that nothing needs", body(8, make([]chain.Hash, 1), note(8)), 422, "log_inconsistent"},
		{"a proof from nothing", body(0, make([]chain.Hash, 1), ours.sign(t, h.at(t, 2, 5), 0, 1)), 422, "log_inconsistent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWitness(t, t.TempDir(), ours.log(t, "ours", 1, 2))
			requireCosigned(t, at(8), post(w, ours.body(t, h, 0, 8)))
			r := post(w, c.body)
			require.Equal(t, c.status, r.Code, r.Body)
			switch c.status {
			case http.StatusOK:
				q, err := decodeRequest([]byte(c.body))
				require.NoError(t, err)
				want, err := proof.ReadCheckpoint(q.note)
				require.NoError(t, err)
				requireCosigned(t, want, r)
			case http.StatusConflict:
				requireConflict(t, 8, r)
				require.Equal(t, c.answer, r.Body.String())
			default:
				require.Contains(t, r.Body.String(), c.answer)
				require.Equal(t, uint64(8), w.tracked(at(8).Origin).newest.Size)
			}
		})
	}
}

func TestOtherRequests(t *testing.T) {
	w := newWitness(t, t.TempDir(), newCluster(t, "ours").log(t, "ours"))
	for _, c := range []struct {
		method, path string
		status       int
	}{
		{http.MethodGet, "/livez", 200},
		{http.MethodGet, "/add-checkpoint", 405},
		{http.MethodPut, "/add-checkpoint", 405},
		{http.MethodGet, "/", 404},
	} {
		r := httptest.NewRecorder()
		w.Handler().ServeHTTP(r, httptest.NewRequest(c.method, c.path, nil))
		require.Equal(t, c.status, r.Code, "%s %s", c.method, c.path)
	}
}

// Of many requests at a time, in two histories, no two contradict each other
// and are both cosigned.
func TestNeverTwoRootsOfOneSize(t *testing.T) {
	const size, each = 6, 50
	ours := newCluster(t, "ours")
	w := newWitness(t, t.TempDir(), ours.log(t, "ours", 1))
	histories := []history{grow(t, size, 0, "one"), grow(t, size, 0, "other")}
	var bodies [2][size + 1][size + 1]string
	for i, h := range histories {
		for n := uint64(1); n <= size; n++ {
			for old := range n {
				bodies[i][old][n] = ours.body(t, h, old, n)
			}
		}
	}
	var cosigned [2][each]int
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range histories {
		for j := range each {
			all.Go(func() {
				<-start
				old := 0
				for n := 1 + j%2; n <= size; n++ {
					r := post(w, bodies[i][old][n])
					if r.Code == http.StatusOK {
						cosigned[i][j]++
						old = n
					} else if s, err := decodeSize(strings.TrimSpace(r.Body.String())); err == nil && int(s) > old {
						old, n = int(s), int(s)
					}
				}
			})
		}
	}
	close(start)
	all.Wait()
	sum := func(i int) (n int) {
		for _, c := range cosigned[i] {
			n += c
		}
		return n
	}
	require.NotZero(t, sum(0)+sum(1))
	require.True(t, sum(0) == 0 || sum(1) == 0, "%d of one history and %d of the other", sum(0), sum(1))
}

// Whatever is sent in whatever order, over restarts, the cosigned checkpoints
// are all of one history.
func TestWhatIsCosignedIsOneHistory(t *testing.T) {
	const size, fork = 12, 5
	ours := newCluster(t, "ours")
	histories := []history{grow(t, size, fork, "one"), grow(t, size, fork, "other")}
	rapid.Check(t, func(r *rapid.T) {
		dir := t.TempDir()
		w, err := New(config(t, dir, ours.log(t, "ours")))
		require.NoError(r, err)
		newest, chosen := uint64(0), -1
		for range rapid.IntRange(1, 12).Draw(r, "requests") {
			if rapid.IntRange(0, 5).Draw(r, "restart") == 0 {
				require.NoError(r, w.Close())
				w, err = New(config(t, dir, ours.log(t, "ours")))
				require.NoError(r, err)
			}
			n := rapid.Uint64Range(1, size).Draw(r, "size")
			old := rapid.SampledFrom([]uint64{min(newest, n), rapid.Uint64Range(0, n).Draw(r, "old")}).Draw(r, "which old")
			i := rapid.IntRange(0, 1).Draw(r, "history")
			answer := post(w, ours.body(t, histories[i], old, n))
			follows := old == newest && (chosen < 0 || chosen == i || newest <= fork)
			if same := histories[0].at(t, 1, n) == histories[1].at(t, 1, n); same && old == newest {
				follows = true
			}
			require.Equal(r, follows, answer.Code == http.StatusOK, "%d %s", answer.Code, answer.Body)
			if follows {
				newest = n
				if n > fork {
					chosen = i
				}
			}
		}
		require.NoError(r, w.Close())
	})
}
