package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/stream"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/webserver"
)

// filler stands where a hash would.
var filler = strings.Repeat("0", 64)

// long is a reader whose chain is long, and made up while it is read.
type long struct {
	*fake
	blocks uint64
	failAt uint64
	same   []byte // what each block is, if it is to cost nothing to make it
}

func (l long) Contract(string) (chain.Info, error) {
	info, err := l.fake.Contract("aka")
	info.Length = l.blocks
	return info, err
}

func (l long) Blocks(_ string, from, limit uint64, yield func(uint64, []byte) error) error {
	for i := from; i <= l.blocks && (limit == 0 || i < from+limit); i++ {
		if i == l.failAt {
			return errors.New("torn page")
		}
		text := l.same
		if text == nil {
			text = []byte(`{"index": ` + strconv.FormatUint(i, 10) + `, "previous_hash": "` + filler + `", "transactions": []}`)
		}
		if err := yield(i, text); err != nil {
			return err
		}
	}
	return nil
}

func newLong(t testing.TB, l long) http.Handler {
	t.Helper()
	l.fake = newFake()
	h, err := New(DefaultConfig(), l.fake, l, l.fake, l.fake)
	require.NoError(t, err)
	return h
}

// counter counts the bytes of an answer and keeps none.
type counter struct {
	header http.Header
	bytes  int
}

func (c *counter) Header() http.Header         { return c.header }
func (c *counter) WriteHeader(int)             {}
func (c *counter) Flush()                      {}
func (c *counter) Write(p []byte) (int, error) { c.bytes += len(p); return len(p), nil }

func TestChainIsStreamedInConstantMemory(t *testing.T) {
	for _, tc := range []struct{ target, accept string }{
		{"/chain", ""}, {"/smart/chain", ""}, {"/smart/chain", "application/x-ndjson"},
	} {
		h := newLong(t, long{blocks: 100_000, same: []byte(`{"previous_hash": "` + filler + filler + `"}`)})
		r := httptest.NewRequest("GET", tc.target, nil)
		r.Host = "localhost"
		r.Header.Set("Accept", tc.accept)
		var before, after runtime.MemStats
		w := &counter{header: http.Header{}}
		runtime.ReadMemStats(&before)
		h.ServeHTTP(w, r)
		runtime.ReadMemStats(&after)
		require.Greater(t, w.bytes, 10_000_000)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(1<<20), tc.target)
		require.Less(t, after.Mallocs-before.Mallocs, uint64(2_000), tc.target)
	}
}

func TestStreamedChainIsWholeJSON(t *testing.T) {
	rec := call(newLong(t, long{blocks: 5_000}), "GET", "/chain", "")
	var answer struct {
		Chain  []struct{ Index int }
		Length int
	}
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer))
	require.Equal(t, 5_000, answer.Length)
	require.Len(t, answer.Chain, 5_000)
	for i, b := range answer.Chain {
		require.Equal(t, i+1, b.Index)
	}
}

func TestRangeOfTheChainTellsTheWholeLength(t *testing.T) {
	h := newLong(t, long{blocks: 100})
	for _, tc := range []struct {
		query         string
		first, blocks int
	}{{"?from=5&limit=3", 5, 3}, {"?from=99", 99, 2}, {"?limit=1", 1, 1}, {"?from=101", 0, 0}, {"?from=500&limit=2", 0, 0}} {
		rec := call(h, "GET", "/chain"+tc.query, "")
		var answer struct {
			Chain  []struct{ Index int }
			Length int
		}
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &answer), tc.query)
		require.Equal(t, 100, answer.Length, tc.query)
		require.Len(t, answer.Chain, tc.blocks, tc.query)
		if tc.blocks > 0 {
			require.Equal(t, tc.first, answer.Chain[0].Index)
		}
	}
}

func TestBlocksLargerThanAChunk(t *testing.T) {
	f := newFake()
	large := []byte(`{"x": "` + strings.Repeat("a", 3*stream.Chunk) + `"}`)
	f.chains[0].blocks = append(f.chains[0].blocks, large, []byte(`{}`), large)
	rec := call(unchecked(newHandler(t, f)), "GET", "/chain", "")
	want := `{"chain": [` + string(f.chains[0].blocks[0]) + ", " + string(large) + ", {}, " + string(large) + `], "length": 4}` + "\n"
	require.Equal(t, want, rec.Body.String())
}

func TestNDJSONIsOneCanonicalBlockALine(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	call(h, "POST", "/mine", "")
	call(h, "POST", "/mine", "")
	rec := call(h, "GET", "/smart/chain?from=2&limit=5", "", "Accept", "application/x-ndjson")
	require.Equal(t, "application/x-ndjson", rec.Header().Get("Content-Type"))
	require.Equal(t, "3", rec.Header().Get("BPSC-Chain-Length"))
	require.Equal(t, string(f.chains[0].blocks[1])+"\n"+string(f.chains[0].blocks[2])+"\n", rec.Body.String())
}

func TestLongPollAnswersWhenTheBlockComes(t *testing.T) {
	f := newFake()
	waiting := make(chan struct{})
	reader := signalling{fake: f, waiting: waiting}
	h, err := New(DefaultConfig(), f, reader, f, f)
	require.NoError(t, err)
	answer := make(chan *httptest.ResponseRecorder)
	go func() {
		answer <- call(h, "GET", "/smart/chain?from=2&wait=30s", "", "Accept", "application/x-ndjson")
	}()
	<-waiting
	call(h, "POST", "/mine", "")
	rec := <-answer
	require.Equal(t, 200, rec.Code)
	require.Equal(t, string(f.chains[0].blocks[1])+"\n", rec.Body.String())
}

// signalling tells when somebody begins to wait.
type signalling struct {
	*fake
	waiting chan struct{}
}

func (s signalling) WaitBlock(ctx context.Context, token string, index uint64) error {
	close(s.waiting)
	return s.fake.WaitBlock(ctx, token, index)
}

func TestLongPollEndsWithoutABlock(t *testing.T) {
	h := newHandler(t, newFake())
	rec := call(h, "GET", "/smart/chain?from=2&wait=1ms", "", "Accept", "application/x-ndjson")
	require.Equal(t, 200, rec.Code)
	require.Empty(t, rec.Body.String())
	rec = call(h, "GET", "/smart/chain?from=2&wait=1ms", "")
	require.Equal(t, `{"message": "Smart chain update by bpsc", "smart chain": [], "length": 1}`+"\n", rec.Body.String())
}

func TestShutdownEndsLongPolls(t *testing.T) {
	f := newFake()
	waiting := make(chan struct{})
	h, err := New(DefaultConfig(), f, signalling{fake: f, waiting: waiting}, f, f)
	require.NoError(t, err)
	server := serve(t, h)
	type result struct {
		status int
		err    error
	}
	polled := make(chan result)
	go func() {
		res, err := http.Get(server.URL + "/smart/chain?from=2&wait=30s")
		if err != nil {
			polled <- result{err: err}
			return
		}
		res.Body.Close()
		polled <- result{status: res.StatusCode}
	}()
	<-waiting
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	require.NoError(t, server.Shutdown(ctx))
	require.Equal(t, result{status: 200}, <-polled)
}

// serve runs a real server, since deadlines and cut connections need one.
func serve(t *testing.T, h http.Handler) served { return serveWith(t, DefaultConfig(), h) }

func serveWith(t *testing.T, cfg Config, h http.Handler) served {
	t.Helper()
	server, err := NewServer(cfg, h)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	go server.Serve(l)
	t.Cleanup(func() {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_ = server.Shutdown(ctx)
	})
	return served{server, l.Addr().String(), "http://" + l.Addr().String()}
}

// served is a server with an address.
type served struct {
	*webserver.Server
	addr, URL string
}

func TestStreamThatFailsHalfwayIsCutOff(t *testing.T) {
	server := serve(t, newLong(t, long{blocks: 100_000, failAt: 50_000}))
	res, err := http.Get(server.URL + "/chain")
	require.NoError(t, err)
	defer res.Body.Close()
	_, err = io.Copy(io.Discard, res.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestStreamThatFailsAtOnceIsAProblem(t *testing.T) {
	rec := call(newLong(t, long{blocks: 10, failAt: 1}), "GET", "/chain", "")
	requireProblem(t, rec, 500, "internal", "")
}

// blockwise is a long chain of which blocks can be read one at a time too.
type blockwise struct{ long }

func (l blockwise) Block(_ string, index uint64) (canonical []byte, hash chain.Hash, err error) {
	if index > l.blocks {
		return nil, hash, chain.NotFound
	}
	err = l.Blocks("", index, 1, func(_ uint64, b []byte) error { canonical = b; return nil })
	return canonical, hash, err
}

func TestReaderThatDoesNotReadIsCutOff(t *testing.T) {
	for _, path := range []string{"/chain", "/v1/events?from=1"} {
		l := blockwise{long{fake: newFake(), blocks: 10_000_000}}
		ended := make(chan struct{})
		cfg := DefaultConfig()
		cfg.ChunkTimeout = 50 * time.Millisecond
		h, err := New(cfg, l.fake, l, l.fake, l.fake)
		require.NoError(t, err)
		server := serveWith(t, cfg, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer close(ended)
			h.ServeHTTP(w, r)
		}))
		conn, err := net.Dial("tcp", server.addr)
		require.NoError(t, err)
		defer conn.Close()
		_, err = io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: x\r\n\r\n")
		require.NoError(t, err)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			t.Fatalf("the handler of %s still waits for a reader that does not read", path)
		}
	}
}

func TestConnectionServesOnAfterALongAnswer(t *testing.T) {
	l := long{fake: newFake(), blocks: 20_000}
	large := []byte(strings.Repeat("a", 4<<20))
	l.chains[0].blocks = append(l.chains[0].blocks, large)
	cfg := DefaultConfig()
	cfg.ChunkTimeout = 100 * time.Millisecond
	h, err := New(cfg, l.fake, l, l.fake, l.fake)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", serveWith(t, cfg, h).addr)
	require.NoError(t, err)
	defer conn.Close()
	reader := bufio.NewReader(conn)
	get := func(path string) []byte {
		_, err := io.WriteString(conn, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")
		require.NoError(t, err)
		res, err := http.ReadResponse(reader, nil)
		require.NoError(t, err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		return body
	}
	require.True(t, bytes.HasSuffix(get("/chain"), []byte("], \"length\": 20000}\n")))
	require.Equal(t, large, get("/v1/blocks/2"))
	<-time.After(2 * cfg.ChunkTimeout) // the deadline of the last chunk is over
	require.Equal(t, "ok\n", string(get("/livez")))
}

func BenchmarkChain(b *testing.B) {
	f := newFake()
	block := []byte(`{"x": "` + strings.Repeat("a", 4000) + `"}`)
	for range 20_000 {
		f.chains[0].blocks = append(f.chains[0].blocks, block)
	}
	server := httptest.NewServer(newHandler(b, f))
	defer server.Close()
	b.SetBytes(80 << 20)
	for b.Loop() {
		res, err := http.Get(server.URL + "/chain")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			b.Fatal(err)
		}
		res.Body.Close()
	}
}
