package api

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/problem"
)

// broken is a body that ends after some bytes.
type broken struct{ left int }

func (b *broken) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, errors.New("connection reset")
	}
	n := min(len(p), b.left)
	b.left -= n
	return n, nil
}

func TestBodyTakesWhatHasCome(t *testing.T) {
	s, err := newMember(DefaultConfig(), newFake(), newFake(), newFake(), newFake())
	require.NoError(t, err)
	for _, size := range []int{-1, 0, 1, maxBatchBody} {
		for _, come := range []int{0, 1, 1_000, smallBody, 100_000, 1 << 20} {
			w, steps := &work{pool: &s.pool, bodies: s.pool.bodies}, 0
			require.ErrorIs(t, fill(w, &broken{come}, size, func() { steps++ }), problem.BodyIncomplete)
			require.LessOrEqual(t, cap(w.in), 3*come+2*smallBody)
			require.LessOrEqual(t, w.reserved, come+bodyStep)
			require.Equal(t, w.reserved, steps*bodyStep)
			require.GreaterOrEqual(t, w.reserved+smallBody, come)
			s.pool.put(w)
		}
	}
	require.True(t, s.pool.bodies.TryAcquire(maxBodyBytes), "all is given back")
}

func TestBodiesAreBoundedAllTogether(t *testing.T) {
	s, err := newMember(DefaultConfig(), newFake(), newFake(), newFake(), newFake())
	require.NoError(t, err)
	server := serve(t, s.routes())
	post := func(path, body string, chunked bool) *http.Response {
		t.Helper()
		reader := io.Reader(strings.NewReader(body))
		if chunked {
			reader = io.MultiReader(reader) // whose length nobody knows
		}
		res, err := http.Post(server.URL+path, "application/json", reader)
		require.NoError(t, err)
		res.Body.Close()
		return res
	}
	small := `{"sender":"a","recipient":"b","amount":1}`
	batch := `{"transactions":[` + strings.Repeat(small+",", 999) + small + `]}`
	require.Greater(t, len(batch), smallBody)
	require.NoError(t, s.pool.bodies.Acquire(t.Context(), maxBodyBytes))
	for _, chunked := range []bool{false, true} {
		res := post("/v1/transactions:batch", batch, chunked)
		require.Equal(t, 503, res.StatusCode)
		require.Equal(t, "1", res.Header.Get("Retry-After"))
		require.Equal(t, 201, post("/v1/transactions", small, chunked).StatusCode, "single ones find their way")
	}
	s.pool.bodies.Release(maxBodyBytes)
	require.Equal(t, 200, post("/v1/transactions:batch", batch, false).StatusCode)
}

func TestAnswersAreBoundedAllTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // it waits for memory
		f := newFake()
		f.chains[0].blocks = append(f.chains[0].blocks, []byte(`{"x": "`+strings.Repeat("a", smallAnswer)+`"}`))
		for i := range 20 {
			f.begin(openContract("token" + strconv.Itoa(i)))
		}
		s, err := newMember(DefaultConfig(), f, f, f, f)
		require.NoError(t, err)
		release, ok := s.answers.Try(maxAnswerBytes)
		require.True(t, ok)
		for _, path := range []string{"/v1/contracts", "/chain", "/v1/blocks/2"} {
			rec := call(s.routes(), "GET", path, "")
			requireProblem(t, rec, 503, "too_many_clients", "")
			require.Equal(t, "1", rec.Header().Get("Retry-After"))
		}
		require.Equal(t, 200, call(s.routes(), "GET", "/v1/accounts/a", "").Code, "small ones find their way")
		for _, path := range []string{"/openapi.json", "/docs"} {
			rec := call(s.routes(), "GET", path, "", "Accept-Encoding", "gzip")
			requireProblem(t, rec, 503, "too_many_clients", "")
			for _, name := range ofAnswer {
				require.Empty(t, rec.Header()[name], "%s: the problem is not in gzip", path)
			}
		}
		release()
		for _, path := range []string{"/v1/contracts", "/chain", "/v1/blocks/2"} {
			require.Equal(t, 200, call(s.routes(), "GET", path, "").Code)
		}
		_, ok = s.answers.Try(maxAnswerBytes)
		require.True(t, ok, "all is given back")
	})
}
