package httpcache

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/protocol"
)

func TestNotModifiedWhereTheClientHasIt(t *testing.T) {
	for given, has := range map[string]bool{`"a"`: true, `W/"a"`: true, `"b", "a"`: true, "*": true, `"b"`: false, "a": false, "": false} {
		rec := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(rec)
		c.Request = httptest.NewRequest("GET", "/", nil)
		c.Request.Header.Set("If-None-Match", given)
		require.Equal(t, has, NotModified(c, `"a"`), given)
		require.Equal(t, has, c.Writer.Status() == http.StatusNotModified, given)
		require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"))
		require.Equal(t, `"a"`, rec.Header().Get("ETag"))
		NoStore(rec.Header())
		require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
		require.Empty(t, rec.Header().Get("ETag"))
	}
}

// Only under an address that names the chain is something for ever, and then it does not
// say how fresh it is.
func TestForEverUnderTheNameOfTheChain(t *testing.T) {
	for address, rule := range map[string]string{"/?chain=00": "public, max-age=31536000, immutable", "/?contract=aka": "no-cache", "/": "no-cache"} {
		rec := httptest.NewRecorder()
		c, _ := gin.CreateTestContext(rec)
		c.Request = httptest.NewRequest("GET", address, nil)
		rec.Header()[protocol.AppliedIndex] = []string{"7"}
		require.False(t, NotModifiedEver(c, `"a"`))
		require.Equal(t, rule, rec.Header().Get("Cache-Control"), address)
		require.Equal(t, rule == "no-cache", rec.Header()[protocol.AppliedIndex] != nil, address)
	}
}
