package status

import "time"

// absentAfter is for how long a member must not have answered before that is an event, unless its
// process has ended. A network that comes and goes fills the memory no faster.
const absentAfter = time.Second

// presence tells whether a member answers, once that has lasted: what ends and begins
// anew within moments is no news. One goroutine owns it.
type presence struct {
	told   func(there bool)
	since  time.Time // when it answered last, or was first asked
	absent bool      // so it was told
}

func (p *presence) answers() {
	p.since = time.Now()
	if p.absent {
		p.absent = false
		p.told(true)
	}
}

// misses notes that it does not answer. gone: its process has ended.
func (p *presence) misses(gone bool) {
	if !p.absent && (gone || time.Since(p.since) > absentAfter) {
		p.absent = true
		p.told(false)
	}
}
