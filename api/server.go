package api

import (
	"context"
	"net"
	"net/http"
)

// NewServer returns a server for handler with the limits of limits.go set. The
// caller gives it its address, its TLS and its error log. Its Shutdown lets
// every request finish, and ends long polls and streams of events at once.
func NewServer(handler http.Handler) *http.Server {
	draining, drain := context.WithCancel(context.Background())
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		BaseContext: func(net.Listener) context.Context {
			return context.WithValue(context.Background(), drainingKey{}, draining)
		},
	}
	server.RegisterOnShutdown(drain)
	return server
}

// drainingKey finds, in the context of a request, the context that ends when
// its server begins to shut down. The request's own goes on: a write in flight
// must get its answer.
type drainingKey struct{}

// untilDraining calls stop when the server of a request begins to shut down.
// The result undoes that.
func untilDraining(request context.Context, stop func()) (undo func() bool) {
	draining, ok := request.Value(drainingKey{}).(context.Context)
	if !ok {
		return func() bool { return true }
	}
	return context.AfterFunc(draining, stop)
}
