package relay

import "time"

// The bounds of a relay, each with its reason. The body of a request is bounded
// by whoever takes it.
const (
	// maxAnswer bounds an answer, which is held in memory: twice the largest
	// that a member gives, the results of a batch of 10,000.
	maxAnswer = 16 << 20

	// maxHops is how many relays a request may pass: a tree of followers is
	// three or four deep, and a loop ends soon.
	maxHops = 8

	// firstPause and lastPause bound the wait between rounds over all
	// upstreams, before jitter: an election takes some hundred milliseconds.
	firstPause = 20 * time.Millisecond
	lastPause  = 500 * time.Millisecond

	// leastAttempt is the time that must be left for an attempt after the first
	// round: what an upstream takes to say that it has no leader.
	leastAttempt = 100 * time.Millisecond

	// maxConns bounds the connections to one upstream, and to all of them where the
	// configuration says nothing else. A member is at its best with half of them.
	maxConns = 512

	// idleTimeout is how long an unused connection is kept: less than the two
	// minutes after which a member closes it.
	idleTimeout = time.Minute
)
