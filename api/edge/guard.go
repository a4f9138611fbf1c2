// Package edge is what a request meets first: what shape it may have, how many there
// may be of one client, what an answer says to browsers, and the line of the log that
// names who asked. It looks at no body, and at nothing that a client cannot be told.
//
// Whoever asks without a token, from a network that is limited, is a guest. Guests
// have their shares of what a node has; others have what is left of it whatever
// guests do.
package edge

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/webserver"
)

// ErrBusy: so many guests are served that there is no room for another one.
var ErrBusy = errors.New("many requests without a token are worked on")

// Limited is why a request is not dealt with: its sender comes too often.
type Limited struct {
	// After is when it may come again.
	After time.Duration
}

// Error implements error.
func (l *Limited) Error() string {
	return string(outcome.RateLimited) + ": come again in " + l.After.Round(time.Millisecond).String()
}

// Unwrap is the code.
func (l *Limited) Unwrap() error { return outcome.RateLimited }

// Guard holds clients to what they may ask for. It is safe for concurrent use.
type Guard struct {
	cfg       atomic.Pointer[Config]
	tokens    *admission.Rate[string]
	addresses *admission.Rate[netip.Addr]
	arrivals  *admission.Rate[netip.Addr] // connections of each address
	working   admission.Places            // of guests
	refused   atomic.Uint64
}

// NewGuard returns a guard.
func NewGuard(cfg Config) *Guard {
	g := &Guard{working: admission.NewPlaces(MaxWork),
		tokens:    admission.NewRate[string](cfg.PerToken, maxTokens),
		addresses: admission.NewRate[netip.Addr](cfg.PerAddress, maxAddresses),
		arrivals:  admission.NewRate[netip.Addr](arrivals(cfg.PerAddress), maxAddresses)}
	g.Set(cfg)
	return g
}

// Set makes the guard go by another configuration, for what comes from now on.
func (g *Guard) Set(cfg Config) {
	g.cfg.Store(&cfg)
	g.tokens.Set(cfg.PerToken)
	g.addresses.Set(cfg.PerAddress)
	g.arrivals.Set(arrivals(cfg.PerAddress))
}

// arrivals is how often an address may connect: twice as often as it may ask, so that
// one that connects for each request hears why it is refused, and one that does not
// care is refused for next to nothing.
func arrivals(l admission.Limit) admission.Limit {
	return admission.Limit{Every: l.Every / 2, Burst: 2 * l.Burst}
}

// Origin says of an address what a server has to know that takes a connection on. Of
// IPv4 a /24 and of IPv6 a /48 counts as one client: so many addresses have the same
// owner as often as not.
func (g *Guard) Origin(peer netip.Addr) webserver.Origin {
	if !g.Guest(peer) {
		return webserver.Origin{}
	}
	bits := 48
	if peer.Is4() {
		bits = 24
	}
	network, _ := peer.Prefix(bits) // no address has fewer bits than that
	return webserver.Origin{Network: network, Limited: true, Unwelcome: g.arrivals.Take(subscriber(peer), 1, time.Now()) > 0}
}

// Refused is how many requests have come too often.
func (g *Guard) Refused() uint64 { return g.refused.Load() }

// Guest tells whether a client at an address is one, unless it has a token.
func (g *Guard) Guest(peer netip.Addr) bool { return g.cfg.Load().limits(peer) }

// Visit is one request, as far as it matters whose it is. It belongs to the request's
// goroutine.
type Visit struct {
	// Peer is where it comes from, as far as the node can see; not valid where it
	// cannot.
	Peer netip.Addr
	// Token is the id of the token that it carries, "" for none.
	Token string
	// Guest tells that it counts as a guest's.
	Guest bool

	guard *Guard
	leave func() // from its place among those that are worked on; nil: it has none
}

// Visit says whose a request is: from net/http's address of the client, and with the
// id of the token that it carries.
func (g *Guard) Visit(remote, token string) Visit {
	peer := PeerOf(remote)
	return Visit{Peer: peer, Token: token, Guest: token == "" && g.Guest(peer), guard: g}
}

// PeerOf is the address in one of net/http's; not valid where there is none in it, as
// for a socket in the file system.
func PeerOf(remote string) netip.Addr {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// Local tells whether the request came from the node's own machine.
func (v *Visit) Local() bool { return v.Peer.IsLoopback() }

// Enter counts a request with a body of so many bytes, -1 where nobody knows yet.
// An error is why it is not to be dealt with: Limited or ErrBusy. Leave follows when
// there is none.
func (v *Visit) Enter(ctx context.Context, body int64) error {
	if wait := v.take(workOf(body)); wait > 0 {
		v.guard.refused.Add(1)
		paused := min(wait, maxPause)
		pause(ctx, paused)
		return &Limited{After: wait - paused}
	}
	if body != 0 {
		return nil // see Work
	}
	return v.Work(ctx)
}

// Work takes a guest's place among the requests that are worked on, as Enter does for
// those without a body: a body that comes slowly holds none meanwhile.
func (v *Visit) Work(ctx context.Context) error {
	if !v.IsGuest() || v.leave != nil {
		return nil
	}
	leave, ok := v.guard.working.Enter()
	if !ok {
		ctx, cancel := context.WithTimeout(ctx, workPatience)
		defer cancel()
		var err error
		if leave, err = v.guard.working.Await(ctx); err != nil {
			return ErrBusy
		}
	}
	v.leave = leave
	return nil
}

// workOf is what a request costs.
func workOf(body int64) int { return 1 + int(max(0, body)/workOfBody) }

func (v *Visit) take(cost int) (wait time.Duration) {
	switch {
	case v.Token != "":
		return v.guard.tokens.Take(v.Token, cost, time.Now())
	case v.Guest:
		return v.guard.addresses.Take(subscriber(v.Peer), cost, time.Now())
	}
	return 0
}

// Charge counts what has come of a body whose length nobody knew.
func (v *Visit) Charge(body int) {
	switch cost := body / workOfBody; {
	case v.Token != "":
		v.guard.tokens.Charge(v.Token, cost, time.Now())
	case v.Guest:
		v.guard.addresses.Charge(subscriber(v.Peer), cost, time.Now())
	}
}

// Rest gives the place of a request back that goes on to wait for others, and does
// nothing meanwhile.
func (v *Visit) Rest() {
	if v != nil && v.leave != nil {
		v.leave()
		v.leave = nil
	}
}

// Leave ends the visit.
func (v *Visit) Leave() { v.Rest() }

// subscriber is what counts as one client.
func subscriber(peer netip.Addr) netip.Addr {
	if peer.Is4() {
		return peer
	}
	network, _ := peer.Prefix(64) // no address has fewer bits than that
	return network.Addr()
}

// pause waits, at most until the server stops or the client has gone.
func pause(ctx context.Context, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	defer webserver.UntilDraining(ctx, cancel)()
	defer context.AfterFunc(webserver.Gone(ctx), cancel)()
	<-ctx.Done()
}
