package client

import (
	"context"
	"net/http"

	"github.com/bpsc/bpsc/internal/protocol"
)

type traceKey struct{}

// WithTrace gives calls with the context that it returns a place in a trace, as the
// header traceparent of W3C Trace Context. What is no such text is left out.
func WithTrace(ctx context.Context, traceparent string) context.Context {
	if !protocol.ValidTrace(traceparent) {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, traceparent)
}

// trace puts the trace of a request's context into its header.
func trace(r *http.Request) {
	if traceparent, traced := r.Context().Value(traceKey{}).(string); traced {
		r.Header.Set(protocol.Traceparent, traceparent)
	}
}
