package api

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

const ndjson = "application/x-ndjson"

// grow makes a chain of that many blocks.
func grow(f *fake, length int) {
	for len(f.chains[0].blocks) < length {
		f.chains[0].forge(chain.ByRequest)
	}
}

// counting is a reader that counts what it is asked for.
type counting struct {
	*fake
	ranges int
}

func (r *counting) Blocks(token string, from, limit uint64, yield func(uint64, []byte) error) error {
	r.ranges++
	return r.fake.Blocks(token, from, limit, yield)
}

// What never changes in a chain is kept for ever under an address that names the
// chain. Under any other a cluster that was made anew has something else.
func TestSealedRangesAreKeptForEver(t *testing.T) {
	f := newFake()
	grow(f, 4)
	info, err := f.Contract("aka")
	require.NoError(t, err)
	r := &counting{fake: f}
	h, err := New(DefaultConfig(), f, r, f, f)
	require.NoError(t, err)
	h = conforming(t, h)
	for _, tc := range []struct{ target, accept string }{
		{"/smart/chain?from=2&limit=2", ndjson},
		{"/smart/chain?from=2&limit=3", ndjson},
		{"/smart/chain?limit=4", ndjson},
		{"/smart/chain?from=4&limit=1&wait=30s", ndjson},
		{"/v1/blocks?from=2&limit=2", ""},
		{"/v1/blocks?limit=3", ""},
		{"/v1/blocks/4?contract=aka", ""},
	} {
		plain := call(h, "GET", tc.target, "", "Accept", tc.accept)
		require.Equal(t, "no-cache", plain.Header().Get("Cache-Control"), tc.target)
		requireProblem(t, call(h, "GET", tc.target+"&chain="+chain.Hash{7}.String(), "", "Accept", tc.accept), 409, "chain_other", "")
		tc.target += "&chain=" + info.ID.String()
		rec := call(h, "GET", tc.target, "", "Accept", tc.accept)
		require.Equal(t, plain.Body.String(), rec.Body.String())
		header := rec.Header()
		require.Equal(t, 200, rec.Code, tc.target)
		require.Equal(t, "public, max-age=31536000, immutable", header.Get("Cache-Control"), tc.target)
		for _, changing := range []string{"Bpsc-Applied-Index", "Bpsc-Last-Contact", "Bpsc-Chain-Length"} {
			require.NotContains(t, header, changing, tc.target)
		}
		tag := header.Get("ETag")
		require.Regexp(t, `^"[0-9a-f]{64}[-0-9a-z]*"$`, tag)

		r.ranges = 0
		grow(f, len(f.chains[0].blocks)+1)
		again := call(h, "GET", tc.target, "", "Accept", tc.accept, "If-None-Match", tag)
		require.Equal(t, http.StatusNotModified, again.Code, tc.target)
		require.Equal(t, tag, again.Header().Get("ETag"), tc.target)
		require.Equal(t, header.Get("Vary"), again.Header().Get("Vary"), tc.target)
		require.Empty(t, again.Body.String())
		require.Zero(t, r.ranges, "blocks were read to say that nothing changed")

		require.Equal(t, rec.Body.String(), call(h, "GET", tc.target, "", "Accept", tc.accept).Body.String(),
			"what is kept for ever has changed")
	}
}

func TestAnswersThatMayGrowAreAskedForAgain(t *testing.T) {
	for _, tc := range []struct{ target, accept string }{
		{"/chain", ""},
		{"/chain?from=2&limit=1", ""}, // its length grows
		{"/smart/chain", ""},
		{"/smart/chain?from=1&limit=1", ""},
		{"/smart/chain", ndjson},
		{"/smart/chain?from=2&limit=2", ndjson},
		{"/smart/chain?from=9", ndjson},
		{"/v1/blocks", ""},
		{"/v1/blocks?from=1", ""}, // says not how many
		{"/v1/blocks?from=1&limit=2", ""},
	} {
		f := newFake()
		grow(f, 2)
		h := newHandler(t, f)
		rec := call(h, "GET", tc.target, "", "Accept", tc.accept)
		require.Equal(t, 200, rec.Code, tc.target)
		require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"), tc.target)
		require.NotEmpty(t, rec.Header().Get("Bpsc-Applied-Index"), tc.target)
		tag := rec.Header().Get("ETag")
		require.Contains(t, tag, f.hash(2), tc.target)
		again := call(h, "GET", tc.target, "", "Accept", tc.accept, "If-None-Match", tag)
		require.Equal(t, http.StatusNotModified, again.Code, tc.target)
		require.Empty(t, again.Body.String())
		grow(f, 3)
		again = call(h, "GET", tc.target, "", "Accept", tc.accept, "If-None-Match", tag)
		require.Equal(t, 200, again.Code, tc.target)
		require.NotEqual(t, tag, again.Header().Get("ETag"), tc.target)
	}
}

func TestOneTagNamesOneAnswer(t *testing.T) {
	f := newFake()
	grow(f, 3)
	h := newHandler(t, f)
	seen := map[string]string{}
	for _, target := range []string{"/chain", "/chain?from=2", "/chain?limit=2", "/smart/chain", "/smart/chain?from=2",
		"/v1/blocks", "/v1/blocks?from=2", "/v1/blocks?limit=2", "/v1/blocks?from=2&limit=1", "/v1/blocks/3"} {
		for _, accept := range []string{"", ndjson} {
			rec := call(h, "GET", target, "", "Accept", accept)
			tag := rec.Header().Get("ETag")
			if before, ok := seen[tag]; ok {
				require.Equal(t, before, rec.Body.String(), "two answers have the tag %s", tag)
			}
			seen[tag] = rec.Body.String()
		}
	}
}

func TestSmartChainVariesByAccept(t *testing.T) {
	f := newFake()
	for _, h := range []http.Handler{newHandler(t, f), newFollower(t, f, newFakeNode())} {
		for _, accept := range []string{"", ndjson} {
			require.Contains(t, call(h, "GET", "/smart/chain", "", "Accept", accept).Header().Values("Vary"), "Accept")
			require.Contains(t, call(h, "GET", "/smart/chain?from=1&limit=1", "", "Accept", accept).Header().Values("Vary"), "Accept")
		}
	}
}

func TestPollThatWaitedIsNotKept(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	tip := call(h, "GET", "/smart/chain?from=2", "", "Accept", ndjson).Header().Get("ETag")
	for _, accept := range []string{"", ndjson} {
		rec := call(h, "GET", "/smart/chain?from=2&wait=1ms", "", "Accept", accept, "If-None-Match", tip)
		require.Equal(t, 200, rec.Code)
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		require.Empty(t, rec.Header().Get("ETag"))
	}
}

func TestStreamThatFailsAtOnceMayNotBeKept(t *testing.T) {
	rec := call(newLong(t, long{blocks: 10, failAt: 1}), "GET", "/smart/chain?from=1&limit=20", "", "Accept", ndjson)
	requireProblem(t, rec, 500, "internal", "")
	require.Empty(t, rec.Header().Get("ETag"))
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
}
