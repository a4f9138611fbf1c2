package witness

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

func newClient(t testing.TB) *Client {
	t.Helper()
	c := NewClient(nil)
	t.Cleanup(c.Close)
	return c
}

// serve gives a handler an address.
func serve(t testing.TB, handler http.Handler) string {
	server, err := NewServer(handler, maxConnections, nil, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go server.Serve(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_ = server.Shutdown(ctx)
	})
	return "http://" + l.Addr().String()
}

func TestTheClientReadsEveryAnswer(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 9, 9, "")
	c := h.at(t, 1, 9)
	signed := func(key proof.SigningKey, c proof.Checkpoint) string {
		line, err := proof.Cosign(c.Body(), key, unix)
		require.NoError(t, err)
		return line + "\n"
	}
	good, foreign := signed(witnessKey(t), c), signed(ours.keys[2], c)
	for _, a := range []struct {
		name   string
		status int
		kind   string
		answer string
		want   error // nil: the line
		says   string
	}{
		{"a cosignature", 200, "text/plain", good, nil, ""},
		{"among others", 200, "text/plain", foreign + good, nil, ""},
		{"beside one of ML-DSA-44", 200, "text/plain", "\u2014 example.com/w1 " + base64.StdEncoding.EncodeToString(make([]byte, 4+8+2420)) + "\n" + good, nil, ""},
		{"somebody else's", 200, "text/plain", foreign, errBadAnswer, "no cosignature by example.com/w1"},
		{"of another checkpoint", 200, "text/plain", signed(witnessKey(t), h.at(t, 1, 8)), errBadAnswer, "cosignature_wrong"},
		{"nothing", 200, "text/plain", "", errBadAnswer, "the answer is empty"},
		{"a page", 200, "text/html", "<html>", errBadAnswer, ""},
		{"more than any witness says", 200, "text/plain", good + strings.Repeat("A", maxAnswerBytes), errBadAnswer, "more than"},
		{"another size", 409, sizeType, "7\n", errStale, "it is at 7 blocks"},
		{"another size, with parameters", 409, sizeType + "; charset=utf-8", "0\n", errStale, "it is at 0 blocks"},
		{"a size in another spelling", 409, sizeType, "07\n", errBadAnswer, ""},
		{"a size of no log", 409, sizeType, "1099511627777\n", errBadAnswer, ""},
		{"a conflict without size", 409, "text/plain", "no", errRefused, "409"},
		{"a conflict without newline", 409, sizeType, "7", errRefused, "409"},
		{"malformed", 400, "text/plain", "what?\x1b[0m\n", errRefused, `400, "what?\x1b[0m"`},
		{"signatures", 403, "text/plain", "too few\n", errRefused, `403, "too few"`},
		{"unknown", 404, "text/plain", strings.Repeat("A", maxAnswerBytes), errRefused, "404"},
		{"a proof", 422, "text/plain", "bad\n", errRefused, "422"},
		{"later", 429, "text/plain", "", errUnreachable, "429"},
		{"broken", 500, "text/plain", "", errUnreachable, "500"},
		{"unavailable", 503, "text/plain", "down", errUnreachable, `503, "down"`},
		{"elsewhere", 302, "text/plain", "", errBadAnswer, "302"},
		{"permanently elsewhere", 308, "text/plain", "", errBadAnswer, "308"},
		{"nothing to say", 204, "", "", errBadAnswer, "204"},
	} {
		t.Run(a.name, func(t *testing.T) {
			q := request{old: 5, path: h.path(5, 9), note: ours.sign(t, c, 0, 1)}
			url := serve(t, http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
				body, err := io.ReadAll(r.Body)
				if err != nil || r.URL.Path != "/w/add-checkpoint" || r.Method != http.MethodPost || string(body) != string(q.encode()) {
					rw.WriteHeader(http.StatusTeapot)
					return
				}
				rw.Header().Set("Content-Type", a.kind)
				rw.Header().Set("Location", "/elsewhere")
				rw.WriteHeader(a.status)
				_, _ = io.WriteString(rw, a.answer) // the client may have had enough
			}))
			line, err := newClient(t).add(t.Context(), url+"/w/", witnessKey(t).Verifier(), q.old, q.path, q.note)
			if a.want == nil {
				require.NoError(t, err)
				require.Equal(t, good, line+"\n")
				return
			}
			require.ErrorIs(t, err, a.want)
			require.ErrorContains(t, err, a.says)
			require.Empty(t, line)
			require.LessOrEqual(t, len(err.Error()), 2*maxReason)
		})
	}
}

func TestAWitnessThatDoesNotAnswer(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 9, 9, "")
	note, key := ours.sign(t, h.at(t, 1, 9), 0, 1), witnessKey(t).Verifier()
	silent := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // until then the end of the request is not seen
		<-r.Context().Done()
	}))
	short := newClient(t)
	short.timeout = 50 * time.Millisecond
	_, err := short.add(t.Context(), silent, key, 0, nil, note)
	require.ErrorIs(t, err, errUnreachable)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	ended, end := context.WithCancel(t.Context())
	end()
	_, err = newClient(t).add(ended, silent, key, 0, nil, note)
	require.ErrorIs(t, err, errUnreachable)
	require.ErrorIs(t, err, context.Canceled)

	gone := httptest.NewServer(nil)
	gone.Close()
	_, err = newClient(t).add(t.Context(), gone.URL, key, 0, nil, note)
	require.ErrorIs(t, err, errUnreachable)
	_, err = newClient(t).add(t.Context(), "http://%", key, 0, nil, note)
	require.ErrorIs(t, err, errUnreachable)
}

func TestTheClientSendsNoNonsense(t *testing.T) {
	c, key := newClient(t), witnessKey(t).Verifier()
	_, err := c.add(t.Context(), "http://127.0.0.1:1", key, 0, nil, []byte("no note"))
	require.ErrorIs(t, err, proof.ErrNote)
	note := newCluster(t, "ours").sign(t, grow(t, 9, 9, "").at(t, 1, 9), 0)
	_, err = c.add(t.Context(), "http://127.0.0.1:1", key, 0, make([]chain.Hash, maxHashes+1), note)
	require.ErrorIs(t, err, proof.ErrSize)
}
