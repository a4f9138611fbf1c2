package cluster

import (
	"time"

	"github.com/bpsc/bpsc/cluster/queue"
)

// Everything in this package that could grow has its bound here.
const (
	// Entries raft groups in one write and one RPC. Entries are batches
	// themselves, so a small group is enough.
	maxAppendEntries = 64

	// Entries in memory for replication: a few times those in flight. At worst
	// logCacheEntries × maxEntryBytes = 64 MiB.
	logCacheEntries = 128

	// Files of a member's own: its log and vote, and the files of a snapshot that
	// is written, sent or unpacked.
	ownFiles = 16

	// In how many looks a member notices that it has not heard the leader for a
	// heartbeat time-out.
	silenceLooks = 20

	// The watchdog of the disk and of the state machine counts the time that
	// the process runs in steps of at most this part of its limit; a pause of
	// the process counts as one step.
	watchSteps = 40

	// How many election time-outs entries may take to get through to a majority
	// and, once committed, into the state, before a member says that they do
	// not. raft answers heartbeats in the same goroutine as it writes, so this
	// is far more than what a slow disk explains.
	stallTimeouts = 4

	// How often a member looks whether its log is too large: a burst of 100 MB a
	// second goes beyond the bound by that much. How long it waits after it could
	// not do anything about it.
	logPeriod = time.Second
	logPause  = 10 * time.Second

	// How long after a snapshot in the place of a damaged one the next may be taken: raft
	// asks for a damaged one some hundred times a second.
	renewPause = time.Second

	// The least LogBytes, of which half are 16 of the largest entries: more than a
	// few leaders had in flight.
	minLogBytes = 32 * queue.MaxEntryBytes

	// How many entries a ready member's state may lag behind the commit index.
	maxReadyLag = 256

	// How often a member looks again for what comes by itself: somebody who leads, or a
	// founder that is only starting.
	lookPause = 20 * time.Millisecond

	// Attempts to hand leadership over at shutdown: raft refuses at once while
	// it is busy with an earlier attempt.
	transferAttempts = 3

	// Once raft has stopped it has answered all it will ever answer; this is
	// for the goroutines that pass it on.
	settleTimeout = time.Second

	// Of how much of the past at least a member tells how long its writes took: at two
	// writes a second, which an idle chain makes, some of them.
	recentWrites = 10 * time.Second

	// Why a member is not ready, as others hear it.
	maxReasonBytes = 500

	// How long a member that starts waits for the others to hear of it before it
	// is ready.
	greetTimeout = 500 * time.Millisecond

	// How long a member that ends because histories differ tries to tell the
	// others so.
	warnTimeout = time.Second

	// How long a process that starts for the first time asks those that it is to found
	// a cluster with whether they have one already. All that run answer at once.
	firstStartTimeout = time.Second

	// Changes of the members that wait on one member for the leader's answer: one is
	// under way, and a few operators may ask what one would do.
	maxChanges = 4
)

// MaxMembers is how many members a cluster has at most, a member and the one that
// replaces it among them: each sends its log to all others, and a majority answers.
const MaxMembers = 9

// leaderlessGrace is how many election timeouts requests wait in the queue for
// a leader: an ordinary failover passes unnoticed, a lost majority is told soon.
const leaderlessGrace = 3
