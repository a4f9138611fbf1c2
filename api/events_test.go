package api

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/api/cursor"
	"github.com/bpsc/bpsc/chain"
)

// event is a server-sent event as a client reads it.
type event struct{ Kind, ID, Data string }

// readEvents reads up to that many events, or to the end.
func readEvents(in *bufio.Reader, most int) (list []event, comments int, err error) {
	var e event
	for len(list) < most {
		line, err := in.ReadString('\n')
		if err != nil {
			return list, comments, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "event":
			e.Kind = value
		case "id":
			e.ID = value
		case "data":
			e.Data = value
		case "":
			if value != "" {
				comments++
			} else if e.ID != "" {
				list, e = append(list, e), event{}
			}
		}
	}
	return list, comments, nil
}

// listener is one connection to /v1/events.
type listener struct {
	*bufio.Reader
	res *http.Response
}

func listen(t testing.TB, ctx context.Context, url, query, last string) listener {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second) // an event that is left out never comes
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/events"+query, nil)
	require.NoError(t, err)
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	require.Equal(t, 200, res.StatusCode)
	return listener{bufio.NewReader(res.Body), res}
}

// take reads so many events and hangs up.
func take(t testing.TB, url, query, last string, count int) []event {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	l := listen(t, ctx, url, query, last)
	defer l.res.Body.Close()
	list, _, err := readEvents(l.Reader, count)
	require.NoError(t, err)
	return list
}

// eventful is a chain of so many blocks, block i with i%4 records.
func eventful(t testing.TB, blocks int) (f *fake, all []event) {
	f = newFake()
	for i := len(f.chains[0].blocks); i < blocks; i++ {
		for j := range (i + 1) % 4 {
			f.Submit(t.Context(), &f.chains[0].contract, []chain.Transaction{{ID: chain.DeriveID(fmt.Append(nil, i, j)), Sender: "a", Recipient: "b\n", Amount: 1_000_000}})
		}
		_, err := f.Produce(t.Context(), "aka")
		require.NoError(t, err)
	}
	of := eventsOf(f)
	for i, text := range f.chains[0].blocks {
		b, err := chain.DecodeBlock(text, 6)
		require.NoError(t, err)
		for j := range b.Records {
			all = append(all, event{"record", fmt.Sprintf("%s%d-%d", of, i+1, j),
				fmt.Sprintf(`{"block":%d,"position":%d,"record":%s}`, i+1, j, chain.AppendRecord(nil, &b.Records[j], 6))})
		}
		all = append(all, event{Kind: "block", ID: fmt.Sprint(of, i+1)})
	}
	return f, all
}

// eventsOf is how the ids of a chain's events begin.
func eventsOf(f *fake) string {
	return string(cursor.Append(nil, chain.HashBytes(f.chains[0].blocks[0])))
}

// requireEvents compares what is fixed to the byte: all but the data of blocks.
func requireEvents(t require.TestingT, want, got []event) {
	require.Len(t, got, len(want))
	for i := range got {
		if want[i].Kind == "block" {
			got[i].Data = ""
		}
		require.Equal(t, want[i], got[i])
	}
}

func TestEventsOfAChain(t *testing.T) {
	f, all := eventful(t, 6)
	server := serve(t, newHandler(t, f))
	got := take(t, server.URL, "?from=1", "", len(all))
	var head struct {
		Index                   int
		Hash, Contract, Trigger string
		Previous                string `json:"previous_hash"`
		Timestamp               json.Number
		Transactions            int
	}
	require.NoError(t, json.Unmarshal([]byte(got[len(got)-1].Data), &head))
	require.Equal(t, 6, head.Index)
	require.Equal(t, f.hash(6), head.Hash)
	require.Equal(t, f.hash(5), head.Previous)
	require.Equal(t, "aka", head.Contract)
	require.Equal(t, "request", head.Trigger)
	require.Equal(t, json.Number("1700000005.0"), head.Timestamp)
	require.Equal(t, 2, head.Transactions)
	requireEvents(t, all, got)
}

func TestBlockEventIsTheHeader(t *testing.T) {
	f := newFake()
	b := chain.Block{Header: chain.Header{Index: 2, Timestamp: 1_700_000_001_500_000, PreviousHash: f.hash(1), Trigger: chain.ByTime,
		HasRoot: true, Totals: &chain.Totals{Issued: 5_000_000, Burned: 1, Fees: 2, Held: 3}}}
	f.chains[0].blocks = append(f.chains[0].blocks, b.Append(nil, 6))
	got := take(t, serve(t, newHandler(t, f)).URL, "?from=2", "", 1)
	require.JSONEq(t, `{"index":2,"hash":"`+f.hash(2)+`","previous_hash":"`+f.hash(1)+`","timestamp":1700000001.5,"trigger":"time",
		"transactions":0,"transactions_root":"`+chain.Hash{}.String()+`","contract":"aka",
		"totals":{"issued":5,"burned":0.000001,"fees":0.000002,"held":0.000003}}`, got[0].Data)
}

func TestEventsCanBeFiltered(t *testing.T) {
	f, all := eventful(t, 9)
	server := serve(t, newHandler(t, f))
	for only, kind := range map[string]string{"blocks": "block", "records": "record"} {
		var want []event
		for _, e := range all {
			if e.Kind == kind {
				want = append(want, e)
			}
		}
		requireEvents(t, want, take(t, server.URL, "?from=1&only="+only, "", len(want)))
		requireEvents(t, want[3:], take(t, server.URL, "?only="+only, want[2].ID, len(want)-3))
	}
}

func TestEventsBeginWithWhatComes(t *testing.T) {
	f, _ := eventful(t, 3)
	h := newHandler(t, f)
	server := serve(t, h)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	l := listen(t, ctx, server.URL, "", "")
	defer l.res.Body.Close()
	require.Equal(t, "text/event-stream", l.res.Header.Get("Content-Type"))
	require.Equal(t, "no-cache", l.res.Header.Get("Cache-Control"))
	require.Equal(t, "no", l.res.Header.Get("X-Accel-Buffering"))
	line, err := l.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "retry: 1000\n", line)
	for i := range 3 {
		call(h, "POST", "/v1/transactions", transferAB)
		call(h, "POST", "/mine", "")
		got, _, err := readEvents(l.Reader, 2)
		require.NoError(t, err)
		require.Equal(t, []string{fmt.Sprintf("%s%d-0", eventsOf(f), 4+i), fmt.Sprint(eventsOf(f), 4+i)}, []string{got[0].ID, got[1].ID})
	}
}

// However often a reader is cut off, and wherever, it gets each event once and
// in order, from members and followers in turn.
func TestEventsGoOnAfterTheLastOne(t *testing.T) {
	f, all := eventful(t, 20)
	servers := []string{serve(t, newHandler(t, f)).URL, serve(t, newFollower(t, f, newFakeNode())).URL}
	rapid.Check(t, func(rt *rapid.T) {
		var got []event
		query, last := "?from=1", ""
		for len(got) < len(all) {
			count := rapid.IntRange(1, len(all)-len(got)).Draw(rt, "events before the cut")
			got = append(got, take(t, servers[rapid.IntRange(0, 1).Draw(rt, "server")], query, last, count)...)
			last = got[len(got)-1].ID
			query = rapid.SampledFrom([]string{"", "?from=1", "?from=7"}).Draw(rt, "query") // Last-Event-ID beats it
		}
		requireEvents(rt, all, got)
	})
}

func TestBadRequestsForEventsAreRefused(t *testing.T) {
	f, _ := eventful(t, 3)
	cfg := DefaultConfig()
	cfg.ReadTimeout = 10 * time.Millisecond
	h := newHandlerWith(t, cfg, f)
	info, err := f.Contract("aka")
	require.NoError(t, err)
	of := string(cursor.Append(nil, info.ID))
	for _, id := range []string{"x", "0", "-1", "1-", "1-x", "-", "1-2-3", "+1", "99999999999999999999", " ", "2-1000"} {
		requireProblem(t, call(h, "GET", "/v1/events", "", "Last-Event-ID", of+id), 400, "invalid_field", "")
		requireProblem(t, call(h, "GET", "/v1/events", "", "Last-Event-ID", id), 400, "invalid_field", "")
	}
	// A place in another chain, and one that this chain has not reached.
	requireProblem(t, call(h, "GET", "/v1/events", "", "Last-Event-ID", "00000000000000ff-2"), 409, "chain_other", "")
	beyond := strconv.FormatUint(info.Length+1, 10)
	requireProblem(t, call(h, "GET", "/v1/events", "", "Last-Event-ID", of+beyond), 503, "behind", "")
	requireProblem(t, call(h, "GET", "/v1/events", "", "Last-Event-ID", of+beyond+"-0"), 503, "behind", "")
	requireProblem(t, call(h, "GET", "/v1/events?from="+strconv.FormatUint(info.Length+2, 10), ""), 503, "behind", "")
	for query, status := range map[string]int{"from=0": 400, "from=x": 400, "only=all": 400, "contract=nix": 404} {
		require.Equal(t, status, call(h, "GET", "/v1/events?"+query, "").Code, query)
	}
}

func TestAnswersThatMayTakeLongAreBounded(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Connections = spareConnections + ofShares
	s, err := newMember(cfg, newFake(), newFake(), newFake(), newFake())
	require.NoError(t, err)
	server := serve(t, s.routes())
	for range eventShares {
		defer listen(t, t.Context(), server.URL, "", "").res.Body.Close()
	}
	requireProblem(t, call(s.routes(), "GET", "/v1/events", ""), 503, "too_many_clients", "")
	require.Equal(t, 200, call(s.routes(), "GET", "/chain", "").Code, "who waits for events keeps out nobody else")
	for range longReadShares {
		_, ok := s.reading.Enter(false)
		require.True(t, ok)
	}
	for _, path := range []string{"/chain", "/smart/chain", "/smart/chain?from=2&wait=1s", "/v1/blocks"} {
		rec := call(s.routes(), "GET", path, "")
		p := requireProblem(t, rec, 503, "too_many_clients", "")
		require.True(t, p.Retryable)
		require.Equal(t, "1", rec.Header().Get("Retry-After"))
	}
	require.Equal(t, 200, call(s.routes(), "GET", "/v1/blocks/1", "").Code)
	require.Equal(t, 201, call(s.routes(), "POST", "/transactions/new", `{"sender":"a","recipient":"b","amount":1}`).Code)
}

func TestReaderOfEventsThatHasGoneGivesItsPlaceBack(t *testing.T) {
	s, err := newMember(DefaultConfig(), newFake(), newFake(), newFake(), newFake())
	require.NoError(t, err)
	server := serve(t, s.routes())
	l := listen(t, t.Context(), server.URL, "", "")
	require.Equal(t, 1, s.listening.Taken())
	l.res.Body.Close()
	require.Eventually(t, func() bool { return s.listening.Taken() == 0 }, 20*time.Second, time.Millisecond)
}

func TestQuietStreamsAreKeptAlive(t *testing.T) {
	f, all := eventful(t, 3)
	cfg := DefaultConfig()
	cfg.KeepAlive = time.Millisecond
	server := serve(t, newHandlerWith(t, cfg, f))
	for _, query := range []string{"", "?from=4", "?from=1&only=records"} {
		l := listen(t, t.Context(), server.URL, query, "")
		for seen := 0; seen < 3; {
			line, err := l.ReadString('\n')
			require.NoError(t, err)
			if line == ": keep-alive\n" {
				seen++
			}
		}
		l.res.Body.Close()
	}
	// Events are whole whatever stands between them.
	requireEvents(t, all, take(t, server.URL, "?from=1", "", len(all)))
}

func TestShutdownEndsStreamsOfEvents(t *testing.T) {
	f, all := eventful(t, 3)
	server := serve(t, newHandler(t, f))
	l := listen(t, t.Context(), server.URL, "?from=1", "")
	defer l.res.Body.Close()
	got, _, err := readEvents(l.Reader, len(all))
	require.NoError(t, err)
	requireEvents(t, all, got)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, server.Shutdown(ctx))
	_, err = l.ReadString('\n')
	require.ErrorIs(t, err, io.EOF, "the stream must end as a whole, not be cut")
}

func TestDamagedBlockEndsTheStream(t *testing.T) {
	f, _ := eventful(t, 3)
	f.chains[0].blocks[1] = []byte(`{"transactions": [`)
	l := listen(t, t.Context(), serve(t, newHandler(t, f)).URL, "?from=1", "")
	defer l.res.Body.Close()
	got, _, err := readEvents(l.Reader, 9)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, len(got), 1)
}
