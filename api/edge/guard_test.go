package edge

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/internal/outcome"
)

// slow lets one request a minute through, and two at once.
var slow = admission.Limit{Every: time.Minute, Burst: 2}

// ask is one request from the beginning to the end.
func ask(g *Guard, remote, token string, body int64) error {
	v := g.Visit(remote, token)
	defer v.Leave()
	return v.Enter(context.Background(), body)
}

func TestEachAddressHasItsRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{PerAddress: slow})
		for _, peer := range []string{"192.0.2.1:%d", "192.0.2.2:%d", "[2001:db8::1]:%d", "[2001:db8:0:1::1]:%d"} {
			for i := range 2 {
				require.NoError(t, ask(g, fmt.Sprintf(peer, i), "", 0), peer)
			}
			require.ErrorIs(t, ask(g, fmt.Sprintf(peer, 9), "", 0), outcome.RateLimited, peer)
		}
		require.ErrorIs(t, ask(g, "[2001:db8::ffff]:1", "", 0), outcome.RateLimited, "a /64 is one client")
		require.ErrorIs(t, ask(g, "[::ffff:192.0.2.2]:1", "", 0), outcome.RateLimited, "an address is the same in both forms")
		require.NoError(t, ask(g, "192.0.2.1:1", "reader", 0), "a token has a rate of its own")
		require.EqualValues(t, 6, g.Refused())
	})
}

// Whoever does not care for the word that it comes too often gets it no more often.
func TestTheWordTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{PerAddress: admission.Limit{Every: time.Minute, Burst: 1}})
		require.NoError(t, ask(g, "192.0.2.1:1", "", 0))
		began := time.Now()
		err := ask(g, "192.0.2.1:1", "", 0)
		require.Equal(t, maxPause, time.Since(began))
		var limited *Limited
		require.ErrorAs(t, err, &limited)
		require.Equal(t, time.Minute-maxPause, limited.After)

		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		began = time.Now()
		v := g.Visit("192.0.2.1:1", "")
		require.ErrorIs(t, v.Enter(ctx, 0), outcome.RateLimited)
		require.Zero(t, time.Since(began), "nobody waits for a server that stops")
	})
}

func TestATokenHasItsRateWhereverItIsUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{PerToken: slow, PerAddress: slow, Unlimited: Loopback()})
		require.NoError(t, ask(g, "192.0.2.1:1", "a", 0))
		require.NoError(t, ask(g, "127.0.0.1:1", "a", 0))
		require.ErrorIs(t, ask(g, "192.0.2.2:1", "a", 0), outcome.RateLimited)
		require.NoError(t, ask(g, "192.0.2.2:1", "b", 0))
	})
}

// A large body costs what the requests would that it stands for.
func TestABodyCostsWhatItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{PerAddress: slow})
		require.NoError(t, ask(g, "192.0.2.1:1", "", 10*workOfBody))
		var limited *Limited
		require.ErrorAs(t, ask(g, "192.0.2.1:1", "", 0), &limited)
		require.Equal(t, 10*time.Minute-maxPause, limited.After, "eleven were taken, of which two are free")

		v := g.Visit("192.0.2.2:1", "")
		require.NoError(t, v.Enter(t.Context(), -1))
		v.Charge(10 * workOfBody)
		v.Leave()
		require.ErrorIs(t, ask(g, "192.0.2.2:1", "", 0), outcome.RateLimited)
	})
}

func TestUnlimitedNetworks(t *testing.T) {
	g := NewGuard(Config{PerAddress: admission.Limit{Every: time.Hour, Burst: 1}, Unlimited: Loopback()})
	for range 1_000 {
		require.NoError(t, ask(g, "127.9.9.9:1", "", 1<<20))
		require.NoError(t, ask(g, "[::1]:1", "", 1<<20))
		require.NoError(t, ask(g, "@", "", 1<<20), "a socket in the file system")
	}
	require.NoError(t, ask(g, "192.0.2.1:1", "", 0))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := g.Visit("192.0.2.1:1", "")
	require.ErrorIs(t, v.Enter(ctx, 0), outcome.RateLimited)
	g.Set(Config{PerAddress: admission.Limit{Every: time.Hour, Burst: 1}})
	require.NoError(t, ask(g, "127.9.9.9:1", "", 0))
	v = g.Visit("127.9.9.9:1", "")
	require.True(t, v.Guest)
	require.ErrorIs(t, v.Enter(ctx, 0), outcome.RateLimited, "the new configuration counts at once")
}

// Guests take no more than their places, and give them back.
func TestGuestsHavePlacesAndOthersNeedNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuard(Config{})
		var visits []*Visit
		for range MaxWork {
			v := g.Visit("192.0.2.1:1", "")
			require.NoError(t, v.Enter(t.Context(), 0))
			visits = append(visits, &v)
		}
		began := time.Now()
		require.ErrorIs(t, ask(g, "192.0.2.2:1", "", 0), ErrBusy)
		require.Equal(t, workPatience, time.Since(began))
		require.NoError(t, ask(g, "192.0.2.2:1", "reader", 0))

		waiting := make(chan error)
		go func() { waiting <- ask(g, "192.0.2.2:1", "", 0) }()
		synctest.Wait()
		visits[0].Rest()
		require.NoError(t, <-waiting, "one that goes on to wait makes room")
		for _, v := range visits {
			v.Leave()
		}
		require.Empty(t, g.working)
	})
}

func TestNetworksAreRead(t *testing.T) {
	got, err := ParseNetworks([]string{"10.1.2.3/8", "192.0.2.1", "2001:db8::/32", "::1"})
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.1/32"),
		netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("::1/128")}, got)
	got, err = ParseNetworks([]string{"none"})
	require.NoError(t, err)
	require.NotNil(t, got)
	require.Empty(t, got)
	for _, text := range []string{"", "x", "10.0.0.0/33", "none,10.0.0.0/8", "10.0.0.0/8 "} {
		_, err := ParseNetworks([]string{text})
		require.Error(t, err, text)
	}
	_, err = ParseNetworks([]string{"none", "::1"})
	require.Error(t, err)
}

func TestAnErrorSaysWhenToComeAgain(t *testing.T) {
	err := error(&Limited{After: 90 * time.Second})
	require.True(t, errors.Is(err, outcome.RateLimited))
	require.Equal(t, "rate_limited: come again in 1m30s", err.Error())
}

func BenchmarkVisit(b *testing.B) {
	g := NewGuard(Config{PerToken: admission.Limit{Every: 1, Burst: 1 << 30}, PerAddress: admission.Limit{Every: 1, Burst: 1 << 30}, Unlimited: Loopback()})
	for _, tc := range []struct{ name, remote, token string }{{"loopback", "127.0.0.1:40000", ""}, {"guest", "192.0.2.1:40000", ""}, {"token", "192.0.2.1:40000", "a"}} {
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := ask(g, tc.remote, tc.token, 100); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
