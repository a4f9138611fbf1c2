package webserver

import "context"

type (
	connKey     struct{} // in net/http's context of a request: its *conn
	drainingKey struct{} // in a request's context: the one that Drain ends
	goneKey     struct{} // in a request's context: net/http's, which ends with the client's side
)

// UntilDraining calls stop when the server of a request begins to shut down.
// The result undoes that.
func UntilDraining(request context.Context, stop func()) (undo func() bool) {
	draining, ok := request.Value(drainingKey{}).(context.Context)
	if !ok {
		return func() bool { return true }
	}
	return context.AfterFunc(draining, stop)
}

// Gone is a context that ends when the client of a request has closed its side of
// the connection: it has gone, or it listens and says no more. Only writing to it
// shows which.
func Gone(request context.Context) context.Context {
	if gone, ok := request.Value(goneKey{}).(context.Context); ok {
		return gone
	}
	return context.Background()
}
