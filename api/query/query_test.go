package query

import (
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

func asked(raw string) *gin.Context {
	return &gin.Context{Request: httptest.NewRequest("GET", "/v1/things?"+raw, nil)}
}

// A parameter that cannot be read is refused, and never taken for one that is not there.
func TestParametersAreReadOrRefused(t *testing.T) {
	number := func(c *gin.Context) (any, error) { return Uint(c, "n", 7, 100) }
	duration := func(c *gin.Context) (any, error) { return Duration(c, "n", time.Minute) }
	at := func(c *gin.Context) (any, error) { at, _, err := Time(c, "n"); return at, err }
	for _, tc := range []struct {
		read func(*gin.Context) (any, error)
		raw  string
		want any // nil: it is refused
	}{
		{number, "", uint64(7)}, {number, "n=", uint64(7)}, {number, "n=100", uint64(100)},
		{number, "n=101", nil}, {number, "n=0", nil}, {number, "n=-1", nil}, {number, "n=x", nil}, {number, "n=18446744073709551616", nil},
		{duration, "", time.Duration(0)}, {duration, "n=1m", time.Minute}, {duration, "n=61s", nil}, {duration, "n=-1s", nil}, {duration, "n=5", nil},
		{at, "", chain.Micros(0)}, {at, "n=1.5", chain.Micros(1_500_000)}, {at, "n=yesterday", nil},
	} {
		got, err := tc.read(asked(tc.raw))
		if tc.want == nil {
			require.ErrorIs(t, err, chain.InvalidField, tc.raw)
			continue
		}
		require.NoError(t, err, tc.raw)
		require.Equal(t, tc.want, got, tc.raw)
	}
}

func TestNamesOfARoute(t *testing.T) {
	var names Names
	names.Add("GET", "/v1/things", []string{"limit"}, []string{"after"})
	names.Add("GET", "/things")
	require.True(t, names.Takes("GET", "/v1/things", "after"))
	require.False(t, names.Takes("POST", "/v1/things", "after"))
	for _, tc := range []struct {
		route, raw string
		taken      bool
	}{
		{"/v1/things", "limit=1&after=2", true},
		{"/v1/things", "limit=1&limit=1", false},
		{"/v1/things", "limit=%zz", false},
		{"/v1/things", "color=red", false},
		{"/things", "color=red", true},     // a client's own business on the tutorial's paths
		{"/things", "limit=1", false},      // but it means something here
		{"/things", "Token=gold", false},   // and so does this elsewhere
		{"/elsewhere", "anything=1", true}, // no route of this API
	} {
		r := httptest.NewRequest("GET", "/?"+tc.raw, nil)
		if err := names.Check(r, tc.route); tc.taken {
			require.NoError(t, err, tc.raw)
		} else {
			require.ErrorIs(t, err, chain.InvalidField, tc.raw)
		}
	}
}
