package api

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/api/edge"
)

// A handler that is another package's is behind the same edge: it sees what is let
// through, and its answers have the same headers.
func TestOtherHandlersAreBehindTheSameEdge(t *testing.T) {
	for _, tt := range []struct {
		name   string
		peer   string
		change func(*http.Request)
		times  int
		status int
		says   string
	}{
		{"a request", "10.0.0.1:1", func(*http.Request) {}, 1, http.StatusOK, "seen"},
		{"one too many of an address", "10.0.0.1:1", func(*http.Request) {}, 4, http.StatusTooManyRequests, "come again"},
		{"as many of the machine itself", "127.0.0.1:1", func(*http.Request) {}, 40, http.StatusOK, "seen"},
		{"a method inside", "10.0.0.1:1", func(r *http.Request) { r.Header.Set("X-HTTP-Method-Override", "GET") }, 1, http.StatusBadRequest, "the method of a request"},
		{"a long address", "10.0.0.1:1", func(r *http.Request) { r.RequestURI = "/" + strings.Repeat("x", 1<<16) }, 1, http.StatusRequestURITooLong, "at most"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := 0
			handler := Around(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				seen++
				_, _ = io.WriteString(w, "seen")
			}), edge.NewGuard(edge.Config{PerAddress: admission.Limit{Every: time.Hour, Burst: 3}, Unlimited: edge.Loopback()}))
			var answer *httptest.ResponseRecorder
			for range tt.times {
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/add-checkpoint", nil)
				r.RemoteAddr = tt.peer
				tt.change(r)
				answer = httptest.NewRecorder()
				handler.ServeHTTP(answer, r)
			}
			require.Equal(t, tt.status, answer.Code, answer.Body)
			require.Contains(t, answer.Body.String(), tt.says)
			require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
			require.Equal(t, tt.status == http.StatusTooManyRequests, answer.Header().Get("Retry-After") != "")
			if tt.status == http.StatusOK {
				require.Equal(t, tt.times, seen)
			}
		})
	}
}
