package chainsync

import "time"

// peer is an upstream as the source of one chain. Its url never changes; the mu
// of its peers guards the rest.
type peer struct {
	url string

	probed   bool      // its chain is ours, as far as both go; to be asked again after a refusal
	ours     bool      // it was at the last probe, and no lie came since; nobody else is sent writes
	length   uint64    // of its chain, as it said last
	busy     int       // ranges that it is serving
	aside    time.Time // not asked before
	lie      time.Time // aside for a lie until then
	failures int       // times in a row that it was down or behind
	lies     int       // since the start
	refused  Refusal   // the last one
}

// Refusal is why something an upstream gave was not taken.
type Refusal struct {
	Reason Reason    `json:"reason"` // "": there was none
	Detail string    `json:"detail"`
	At     time.Time `json:"at"`
}

// usable tells whether p may be asked.
func (p *peer) usable(now time.Time) bool { return !p.aside.After(now) }

// lied tells whether p is aside for a lie.
func (p *peer) lied(now time.Time) bool { return p.lie.After(now) }

// putAside decides how long p is not asked: for long after a lie, otherwise
// for a moment at random, so that nobody is asked without pause and many
// followers do not come back together.
func (p *peer) putAside(why Reason, cfg *Config) {
	p.probed = false
	now := time.Now()
	switch {
	case why.lie():
		p.ours = false
		p.lie = now.Add(backoff(cfg.AsideMin, cfg.AsideMax, p.lies))
		p.aside = p.lie
		p.lies++
	case p.usable(now): // else several requests failed together
		p.aside = now.Add(cfg.jitter(backoff(cfg.RetryMin, cfg.RetryMax, p.failures)))
		p.failures++
	}
}

// backoff is least doubled so many times, at most the most.
func backoff(least, most time.Duration, times int) time.Duration {
	for ; times > 0 && least < most; times-- {
		least *= 2
	}
	return min(least, most)
}

// jitter draws a pause of at most d: full jitter, but never so little that it
// is none.
func (c *Config) jitter(d time.Duration) time.Duration { return d/10 + c.draw(d-d/10) }
