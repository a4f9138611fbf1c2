package api

import (
	"net/http"

	"github.com/bpsc/bpsc/api/edge"
	"github.com/bpsc/bpsc/api/problem"
)

// Around has requests to a handler that is not this package's meet first what those to a
// node meet: shape, rate of their address, headers of the answer. What is refused is told
// in a line of text, as C2SP's protocols do.
func Around(next http.Handler, guard *edge.Guard) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		edge.Harden(w.Header(), r)
		visit := guard.Visit(r.RemoteAddr, "")
		err := edge.CheckShape(r)
		if err == nil {
			err = visit.Enter(r.Context(), r.ContentLength)
		}
		if err == nil {
			defer visit.Leave()
			next.ServeHTTP(w, r)
			return
		}
		p := problem.New(tooBusy(err))
		if p.Retryable {
			w.Header()["Retry-After"] = problem.RetryAfter(err)
		}
		http.Error(w, p.Detail, p.Status)
	})
}
