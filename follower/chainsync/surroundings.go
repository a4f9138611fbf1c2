package chainsync

import (
	"context"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Surroundings are the world as a follower meets it where that is a simulated one. What is
// nil is the operating system's.
type Surroundings struct {
	// Dial opens connections to upstreams. No proxy is asked then.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Draw is a time of less than that, for pauses at random. It must be safe for
	// concurrent use.
	Draw func(less time.Duration) time.Duration
}

// Within is the configuration of a follower in those surroundings.
func (c Config) Within(s Surroundings) Config {
	c.world = s
	return c
}

// way is how upstreams are reached.
func (c *Config) way() (dial func(ctx context.Context, network, addr string) (net.Conn, error), proxy func(*http.Request) (*url.URL, error)) {
	if c.world.Dial == nil {
		return (&net.Dialer{Timeout: c.DialTimeout}).DialContext, http.ProxyFromEnvironment
	}
	return func(ctx context.Context, network, addr string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, c.DialTimeout)
		defer cancel()
		return c.world.Dial(ctx, network, addr)
	}, nil
}

func (c *Config) draw(less time.Duration) time.Duration {
	if c.world.Draw == nil {
		return rand.N(less)
	}
	return c.world.Draw(less)
}
