package chainsync

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/bubble"
)

// newTestPeers are upstreams that nobody asks.
func newTestPeers(t *testing.T, urls ...string) (*peers, *Config) {
	t.Helper()
	cfg := testConfig(t.TempDir(), Source{Token: "aka", Upstreams: urls})
	cfg.Now = time.Now
	return newPeers(&cfg, "aka", urls, &evidence{cfg: &cfg, ledger: &memory{}}), &cfg
}

func urls(list []*peer) (urls []string) {
	for _, p := range list {
		urls = append(urls, p.url)
	}
	return urls
}

func everyone(*peer, time.Time) bool { return true }

func TestTheUpstreamInUseIsLeftOnlyWhenItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ps, cfg := newTestPeers(t, "a", "b", "c")
		cfg.RetryMin, cfg.RetryMax = time.Minute, time.Hour
		for _, want := range []string{"a", "b", "c"} {
			for range 2 {
				p, err := ps.choose(t.Context())
				require.NoError(t, err)
				require.Equal(t, want, p.url)
			}
			require.NoError(t, ps.note(refuse(TooSlow, "").by(ps.current)))
		}
		require.Empty(t, ps.idle())
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := ps.choose(ended)
		require.ErrorIs(t, err, context.Canceled)

		began := time.Now()
		p, err := ps.choose(t.Context()) // whoever comes back first
		require.NoError(t, err)
		waited := time.Since(began)
		require.Positive(t, waited)
		require.LessOrEqual(t, waited, cfg.RetryMin)
		require.True(t, p.usable(time.Now()))
	})
}

func TestALieCostsMoreThanAFailure(t *testing.T) {
	ps, cfg := newTestPeers(t, "a", "b", "c")
	cfg.RetryMin, cfg.RetryMax = time.Hour, time.Hour
	writable := func(p *peer, _ time.Time) bool { return p.ours }
	for _, p := range ps.all {
		ps.answered(p, 7)
		ps.matched(p, true)
	}
	require.NoError(t, ps.note(refuse(Unreachable, "").by(ps.all[0])))
	require.NoError(t, ps.note(refuse(SecondHistory, "").by(ps.all[1])))
	require.Equal(t, []string{"c", "a"}, urls(ps.ordered(writable)), "a liar is sent no writes")
	require.Equal(t, []string{"c"}, urls(ps.askable(false)))
	require.Equal(t, []string{"c", "b"}, urls(ps.askable(true)), "a liar may show who signed two histories")
	_, probed := ps.known(ps.all[0])
	require.False(t, probed, "its chain is compared again")

	require.NoError(t, ps.note(refuse(CheckpointRefused, "").by(ps.all[2])))
	require.Equal(t, []string{"c"}, urls(ps.idle()), "its blocks are good all the same")
	var status ChainStatus
	ps.status(&status)
	require.Equal(t, map[Reason]uint64{Unreachable: 1, SecondHistory: 1, CheckpointRefused: 1}, status.Refusals)
}

func TestRangesGoToWhoHasTheLeastToDo(t *testing.T) {
	ps, _ := newTestPeers(t, "a", "b", "short")
	ps.answered(ps.all[2], 10)
	ps.matched(ps.all[2], true)
	var got []string
	for range 4 {
		got = append(got, ps.borrow(11).url)
	}
	require.Equal(t, []string{"a", "b", "a", "b"}, got)
	require.Equal(t, "short", ps.borrow(10).url)
	ps.giveBack(ps.all[1], true)
	require.Equal(t, "b", ps.borrow(11).url)
	for _, p := range ps.all {
		require.NoError(t, ps.note(refuse(TooSlow, "").by(p)))
	}
	require.Nil(t, ps.borrow(1))
}

// A long poll ends when another upstream is known to have more.
func TestALongPollEndsWhereAnotherHasMore(t *testing.T) {
	const tip = 100
	for name, tc := range map[string]struct {
		hear     func(ps *peers, other *peer)
		switches bool
	}{
		"a pull, more":            {func(ps *peers, p *peer) { ps.pulled(p, tip+1, tip) }, true},
		"a pull, as much":         {func(ps *peers, p *peer) { ps.pulled(p, tip, tip) }, false},
		"a comparison, more":      {func(ps *peers, p *peer) { ps.prefer(p, tip+1, tip, true) }, true},
		"a comparison, less":      {func(ps *peers, p *peer) { ps.prefer(p, tip-1, tip, true) }, false},
		"while blocks come":       {func(ps *peers, p *peer) { ps.prefer(p, tip+1, tip, false) }, false},
		"while blocks come, many": {func(ps *peers, p *peer) { ps.prefer(p, tip+farBehind, tip, false) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			ps, _ := newTestPeers(t, "a", "b")
			p, err := ps.choose(t.Context())
			require.NoError(t, err)
			tc.hear(ps, ps.all[1])
			require.Equal(t, p, ps.current, "no poll is under way")
			poll, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			ps.polling(cancel)
			tc.hear(ps, ps.all[1])
			if tc.switches {
				require.ErrorIs(t, context.Cause(poll), errSwitch)
				require.Equal(t, "b", ps.ordered(everyone)[0].url)
			} else {
				require.NoError(t, poll.Err())
				require.Equal(t, "a", ps.ordered(everyone)[0].url)
			}
		})
	}
}

// Who answers a client is asked again at once, unless it lied.
func TestAnAnswerEndsAPause(t *testing.T) {
	ps, cfg := newTestPeers(t, "a", "b")
	cfg.RetryMin, cfg.RetryMax = time.Hour, time.Hour
	require.NoError(t, ps.note(refuse(Unreachable, "").by(ps.all[0])))
	require.NoError(t, ps.note(refuse(OtherChain, "").by(ps.all[1])))
	require.Empty(t, ps.idle())
	chosen := make(chan *peer)
	go func() {
		p, _ := ps.choose(t.Context())
		chosen <- p
	}()
	ps.pulled(ps.all[1], 9, 5)
	ps.pulled(ps.all[0], 9, 5)
	require.Equal(t, "a", (<-chosen).url)
	require.Empty(t, ps.idle())
}

// Who lied is left alone for a minute, then two, up to an hour; whatever else
// fails meanwhile does not shorten that.
func TestHowLongAnUpstreamIsPutAside(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg, p := DefaultConfig(), &peer{}
		for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 60, 60} {
			p.putAside(InvalidBlock, &cfg)
			p.putAside(Unreachable, &cfg)
			require.Equal(t, want*time.Minute, time.Until(p.aside))
			require.True(t, p.lied(time.Now()))
			require.False(t, p.usable(time.Now()))
			bubble.Pass(time.Until(p.aside))
			require.False(t, p.lied(time.Now()))
			require.True(t, p.usable(time.Now()))
		}
		for tries := range 20 {
			p.putAside(Truncated, &cfg)
			pause := time.Until(p.aside)
			require.Positive(t, pause)
			require.LessOrEqual(t, pause, min(cfg.RetryMin<<tries, cfg.RetryMax))
			require.False(t, p.lied(time.Now()))
			bubble.Pass(pause)
		}
	})
}
