package webserver

import (
	"context"
	"time"
)

// knownSpare is how long a known client has for its request when there is no other
// place for it: as long as a write may take, and its body.
const knownSpare = 30 * time.Second

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

// Known tells a server that the client of a request has said who they are. Their
// connection does not make room for others from then on.
func Known(request context.Context) {
	c, ok := Gone(request).Value(connKey{}).(*conn)
	if !ok || c.known {
		return
	}
	c.crowd.know(c)
	if c.spare() {
		c.lastFor(knownSpare)
	}
}

// OnSpare tells whether a request came when there was no place for it, and is to be
// refused unless it is known or vital.
func OnSpare(request context.Context) bool {
	c, ok := Gone(request).Value(connKey{}).(*conn)
	return ok && c.spare()
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
