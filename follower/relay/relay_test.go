package relay

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

func TestAnswerComesBack(t *testing.T) {
	l := newLedger()
	r := newRelay(t, true, serve(t, l, good))
	answer, err := r.Do(t.Context(), transfer())
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, answer.Status)
	require.JSONEq(t, `{"message":"Transaction will be added to Block 2"}`, string(answer.Body))
	q := l.requests()[0]
	require.Equal(t, "/v1/transactions?contract=aka", q.RequestURI)
	require.Equal(t, http.MethodPost, q.Method)
	require.Len(t, q.Header.Get(protocol.IdempotencyKey), 64, "a key is drawn")

	_, err = r.Do(t.Context(), transfer())
	require.NoError(t, err)
	require.Equal(t, 2, l.transactions(), "another call is another transaction")
}

func TestWhatIsPassedOn(t *testing.T) {
	l := newLedger()
	r := newRelay(t, true, serve(t, l, good))
	for target, want := range map[string]string{
		"/v1/holds/07%3Aaccept":                  "/v1/holds/07%3Aaccept",
		"/v1/holds/07:accept?contract=aka":       "/v1/holds/07:accept?contract=aka",
		"/transactions/new?x=1&contract=aka&x=2": "/transactions/new?x=1&contract=aka&x=2",
	} {
		path, query, _ := strings.Cut(target, "?")
		_, err := r.Do(t.Context(), protocol.RelayRequest{Token: "aka", Signed: true, Path: path, RawQuery: query, Header: http.Header{
			"Idempotency-Key": {"a", "b"}, "Content-Type": {"x/y"}, "X-Request-Id": {"r"}, "Accept": {"*/*"},
			"Connection": {"Accept, close"}, "Keep-Alive": {"1"}, "Transfer-Encoding": {"chunked"}, "Te": {"trailers"},
			"Upgrade": {"h2c"}, "Proxy-Authorization": {"p"}, "Authorization": {"a"}, "Cookie": {"c"}, "Host": {"other"},
			"Content-Length": {"1000"}, "Accept-Encoding": {"gzip"}, "Forwarded": {"f"},
		}, Body: []byte("{}")})
		require.NoError(t, err)
		seen := l.requests()
		q := seen[len(seen)-1]
		require.Equal(t, want, q.RequestURI)
		q.Header.Del("User-Agent")
		require.Equal(t, http.Header{
			"Idempotency-Key": {"a", "b"}, "Content-Type": {"x/y"}, "X-Request-Id": {"r"}, "Accept": {"*/*"},
			protocol.RelayHops: {"1"}, "Content-Length": {"2"}, "Authorization": {"a"},
		}, q.Header)
	}
}

// A token goes where nobody on the way reads it, the relay's own with reads that have none.
func TestWhereTokensArePassedOn(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Token = "own"
	r, err := New(cfg, func(string) []string { return nil })
	require.NoError(t, err)
	for _, tc := range []struct {
		upstream, given, want string
		read                  bool
	}{
		{"https://192.0.2.1", "theirs", "theirs", false},
		{"http://127.0.0.1:5000", "theirs", "theirs", false},
		{"http://192.0.2.1", "theirs", "", false},
		{"http://127.0.0.1:5000", "", "", false},
		{"http://127.0.0.1:5000", "", "Bearer own", true},
		{"http://127.0.0.1:5000", "theirs", "theirs", true},
		{"http://192.0.2.1", "", "", true},
	} {
		q := transfer()
		q.Read, q.Header = tc.read, http.Header{}
		if tc.given != "" {
			q.Header.Set("Authorization", tc.given)
		}
		s, err := r.newRequest(q)
		require.NoError(t, err)
		req, err := s.to(t.Context(), tc.upstream)
		require.NoError(t, err)
		require.Equal(t, tc.want, req.Header.Get("Authorization"), "%+v", tc)
	}
}

// faults are the ways in which an upstream can fail, and whether the transaction
// may have been applied then.
var faults = map[string]struct {
	behaviour behaviour
	open      bool
}{
	"no leader":                           {says(503, noLeader), false},
	"outcome unknown, not applied":        {says(504, unknown), true},
	"outcome unknown, applied":            {after(says(504, unknown)), true},
	"dies before applying":                {dies, true},
	"dies after applying":                 {after(dies), true},
	"half an answer":                      {after(half), true},
	"too slow":                            {slow, true},
	"too slow, applied":                   {after(slow), true},
	"a proxy's error":                     {after(says(502, "<html>")), true},
	"a proxy is busy":                     {says(503, "<html>"), true},
	"a redirect":                          {says(302, ""), true},
	"a retryable error of another status": {after(says(500, noLeader)), true},
	"too large an answer": {after(func(_ *ledger, w http.ResponseWriter, _ *http.Request, _ []byte) {
		io.Copy(w, io.LimitReader(zeros{}, maxAnswer+1))
	}), true},
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Whatever fails first, what can be sent again is applied once: by the same
// upstream when it has recovered, or by the next one.
func TestFaultsAreOvercome(t *testing.T) {
	for name, f := range faults {
		for kind, request := range map[string]func() protocol.RelayRequest{"open": transfer, "keyed": keyed, "signed": signed} {
			t.Run(name+", "+kind, func(t *testing.T) {
				t.Parallel()
				same, next := newLedger(), newLedger()
				for l, upstreams := range map[*ledger][]string{
					same: {serve(t, same, f.behaviour, good)},
					next: {serve(t, next, f.behaviour), nobody(t), serve(t, next, good)},
				} {
					answer, err := newRelay(t, true, upstreams...).Do(t.Context(), request())
					require.NoError(t, err)
					require.Contains(t, []int{200, 201}, answer.Status)
					require.Equal(t, 1, l.transactions())
				}
			})
		}
	}
}

// A batch of an open contract is sent again only where it had no effect for sure.
func TestBatchIsNotRepeated(t *testing.T) {
	for name, f := range faults {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, other := newLedger(), newLedger()
			first := serve(t, l, f.behaviour)
			r := newRelay(t, name != "too slow" && name != "too slow, applied", nobody(t), first, serve(t, other, good))
			answer, err := r.Do(t.Context(), batch())
			switch {
			case !f.open:
				require.NoError(t, err)
				require.Equal(t, 201, answer.Status)
				require.Equal(t, 1, other.transactions())
			case strings.HasPrefix(name, "outcome unknown"):
				require.NoError(t, err)
				require.Equal(t, 504, answer.Status)
				require.Equal(t, unknown, string(answer.Body))
				require.Empty(t, other.requests())
			default:
				var u *outcome.UnknownError
				require.ErrorAs(t, err, &u)
				require.ErrorIs(t, err, outcome.Unknown)
				require.Empty(t, u.Key)
				require.Empty(t, other.requests())
			}
			for _, q := range other.requests() {
				require.Empty(t, q.Header.Get(protocol.IdempotencyKey))
			}
		})
	}
}

func TestBatchWhoseItemsHaveIDsIsRepeated(t *testing.T) {
	for name, q := range map[string]protocol.RelayRequest{"signed": {Signed: true}, "keyed": {Repeatable: true}} {
		t.Run(name, func(t *testing.T) {
			l := newLedger()
			// The ledger here knows such a body again by its type.
			q.Token, q.Path, q.Body, q.Header = "aka", batch().Path, batch().Body, http.Header{"Content-Type": {"signed"}}
			answer, err := newRelay(t, true, serve(t, l, after(dies)), serve(t, l, good)).Do(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, 200, answer.Status)
			require.Equal(t, 1, l.transactions())
		})
	}
}

// A refusal in no words of ours comes from something in between, perhaps after the
// ledger has taken effect.
func TestARefusalBySomethingInBetweenIsNoAnswer(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 409, 413, 422, 429} {
		l := newLedger()
		r := newRelay(t, true, serve(t, l, after(says(status, "<html>"))), serve(t, l, good))
		answer, err := r.Do(t.Context(), keyed())
		require.NoError(t, err)
		require.Equal(t, 200, answer.Status, "the next one knows that it was applied")
		_, err = newRelay(t, false, serve(t, l, says(status, "<html>"))).Do(t.Context(), batch())
		require.ErrorIs(t, err, outcome.Unknown)
	}
}

// What is answered for good is answered at once, by the first.
func TestAnswersForGood(t *testing.T) {
	for name, status := range map[string]int{noFunds: 422, elsewhere: 404, internal: 500} {
		l := newLedger()
		r := newRelay(t, true, serve(t, l, says(status, name)), serve(t, l, good))
		for _, q := range []protocol.RelayRequest{keyed(), signed(), batch()} {
			answer, err := r.Do(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, status, answer.Status)
			require.Equal(t, name, string(answer.Body))
		}
		require.Empty(t, l.requests())
	}
}

// A client that is to find out what became of its transaction has to be told the
// key that was drawn for it.
func TestDrawnKeyIsTold(t *testing.T) {
	for name, f := range map[string]behaviour{
		"internal": after(says(500, internal)), "unknown": after(says(504, unknown)), "dead": after(dies),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			r := newRelay(t, false, serve(t, l, f))
			_, err := r.Do(t.Context(), transfer())
			var u *outcome.UnknownError
			require.ErrorAs(t, err, &u)
			require.ErrorIs(t, err, outcome.Unknown)
			for _, q := range l.requests() {
				require.Equal(t, u.Key, q.Header.Get(protocol.IdempotencyKey))
			}
			q := transfer()
			q.Header = http.Header{protocol.IdempotencyKey: {u.Key}}
			answer, err := newRelay(t, true, serve(t, l, good)).Do(t.Context(), q)
			require.NoError(t, err)
			require.Equal(t, "true", answer.Header.Get("Idempotent-Replay"))
			require.Equal(t, 1, l.transactions())
		})
	}
}

// writes are all kinds of them.
var writes = map[string]func() protocol.RelayRequest{"open": transfer, "keyed": keyed, "signed": signed, "batch": batch}

func TestNobodyIsThere(t *testing.T) {
	for kind, request := range writes {
		for _, upstreams := range [][]string{nil, {nobody(t)}, {nobody(t), "ftp://x", "x", "http://%"}} {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				_, err := newRelay(t, false, upstreams...).Do(t.Context(), request())
				require.ErrorIs(t, err, outcome.NoUpstream)
				require.NotErrorIs(t, err, outcome.Unknown)
			})
		}
	}
}

func TestNobodyTakesIt(t *testing.T) {
	for kind, request := range writes {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := newRelay(t, false, serve(t, newLedger(), says(503, noLeader)), nobody(t))
			answer, err := r.Do(t.Context(), request())
			require.NoError(t, err)
			require.Equal(t, 503, answer.Status)
			require.Equal(t, noLeader, string(answer.Body))
			require.Equal(t, "1", answer.Header.Get("Retry-After"))
		})
	}
}

// Once an attempt may have been applied, no other may say that nothing was.
func TestUnknownStaysUnknown(t *testing.T) {
	for name, second := range map[string]behaviour{
		"a refusal for now": says(503, noLeader), "another contract": says(404, elsewhere), "an error": says(500, internal),
		"a loop": says(http.StatusLoopDetected, loop),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			_, err := newRelay(t, false, serve(t, l, after(dies), second), nobody(t)).Do(t.Context(), keyed())
			require.ErrorIs(t, err, outcome.Unknown)

			answer, err := newRelay(t, false, serve(t, l, after(says(504, unknown)), second)).Do(t.Context(), keyed())
			require.NoError(t, err)
			require.Equal(t, unknown, string(answer.Body), "it has the id")
		})
	}
	l := newLedger()
	answer, err := newRelay(t, true, serve(t, l, dies, says(422, noFunds))).Do(t.Context(), keyed())
	require.NoError(t, err)
	require.Equal(t, noFunds, string(answer.Body), "the ledger knows about this transaction")
}

func TestEndOfTheContext(t *testing.T) {
	for kind, request := range map[string]func() protocol.RelayRequest{"keyed": keyed, "batch": batch} {
		t.Run(kind, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			r := newRelay(t, true, serve(t, newLedger(), func(l *ledger, w http.ResponseWriter, q *http.Request, body []byte) {
				cancel()
				slow(l, w, q, body)
			}))
			_, err := r.Do(ctx, request())
			require.ErrorIs(t, err, outcome.Unknown)
			_, err = r.Do(ctx, request())
			require.ErrorIs(t, err, outcome.NoUpstream)
		})
	}
}

func TestFollowersInARow(t *testing.T) {
	l := newLedger()
	member := serve(t, l, after(dies), good)
	near := follower(t, newRelay(t, true, member))
	far := newRelay(t, true, near)
	answer, err := far.Do(t.Context(), transfer())
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.Equal(t, "true", answer.Header.Get("Idempotent-Replay"))
	require.Equal(t, "/v1/transactions/1", answer.Header.Get("Location"))
	require.Equal(t, 1, l.transactions())
	require.Equal(t, "2", l.requests()[0].Header.Get(protocol.RelayHops))
}

func TestLoopEnds(t *testing.T) {
	var a, b string
	var rounds atomic.Int64
	via := func(to *string) string {
		cfg := DefaultConfig()
		cfg.Budget = time.Second
		r, err := New(cfg, func(string) []string {
			rounds.Add(1)
			return []string{*to, *to}
		})
		require.NoError(t, err)
		t.Cleanup(r.Close)
		return follower(t, r)
	}
	a, b = via(&b), via(&a)
	_, err := newRelay(t, true, a).Do(t.Context(), transfer())
	require.ErrorIs(t, err, outcome.RelayLoop)
	require.Equal(t, int64(maxHops-1), rounds.Load(), "nobody on the way tries again")
}

func TestHops(t *testing.T) {
	l := newLedger()
	r := newRelay(t, true, serve(t, l, good))
	for hops, ok := range map[string]bool{"0": true, "7": true, "8": false, "-1": false, "x": false, "": false, "99999999999999999999": false} {
		q := transfer()
		q.Header = http.Header{protocol.RelayHops: {hops}}
		_, err := r.Do(t.Context(), q)
		if ok {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, outcome.RelayLoop)
		}
	}
	q := transfer()
	q.Header = http.Header{protocol.RelayHops: {"1", "1"}}
	_, err := r.Do(t.Context(), q)
	require.ErrorIs(t, err, outcome.RelayLoop)
	require.Len(t, l.requests(), 2)
}

func TestConfig(t *testing.T) {
	upstreams := func(string) []string { return nil }
	for name, spoil := range map[string]func(*Config){
		"attempt": func(c *Config) { c.AttemptTimeout = 0 },
		"budget":  func(c *Config) { c.Budget = -time.Second },
		"random":  func(c *Config) { c.Random = nil },
		"logger":  func(c *Config) { c.Logger = nil },
	} {
		cfg := DefaultConfig()
		spoil(&cfg)
		_, err := New(cfg, upstreams)
		require.Error(t, err, name)
	}
	_, err := New(DefaultConfig(), nil)
	require.Error(t, err)

	cfg := DefaultConfig()
	cfg.Random = &bytes.Buffer{}
	r, err := New(cfg, upstreams)
	require.NoError(t, err)
	_, err = r.Do(t.Context(), transfer())
	require.ErrorIs(t, err, outcome.NoUpstream)
	require.ErrorIs(t, err, io.EOF)
}

// An upstream whose chain is another one has not taken the request: the next one
// may. All are told which chain is meant, whatever the client says.
func TestAnotherChainIsNotTheLedger(t *testing.T) {
	other, right := newLedger(), newLedger()
	q := transfer()
	q.Chain = "c0ffee"
	q.Header = http.Header{protocol.Chain: {"another"}}
	r := newRelay(t, true, serve(t, other, says(409, `{"code":"chain_other","retryable":false}`)), serve(t, right, good))
	answer, err := r.Do(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, http.StatusCreated, answer.Status)
	require.Zero(t, other.transactions())
	require.Equal(t, []string{"c0ffee"}, right.requests()[0].Header[protocol.Chain])

	r = newRelay(t, false, serve(t, other, says(409, `{"code":"chain_other","retryable":false}`)))
	answer, err = r.Do(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, http.StatusConflict, answer.Status, "nobody else: what it said")
}
