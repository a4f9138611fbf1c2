package cluster

import "time"

// Everything in this package that could grow has its bound here.
const (
	// An entry of 512 KiB is what hashicorp/raft suggests as the largest
	// (raft.SuggestedMaxDataSize): larger ones delay heartbeats, which travel
	// the same goroutine.
	maxEntryBytes = 512 << 10

	// Tag and length in front of each request in an entry, at most.
	requestOverhead = 6

	// Version and time in front of all requests in an entry, at most.
	entryOverhead = 16

	// The largest single request: one that fills an entry alone.
	maxRequestBytes = maxEntryBytes - entryOverhead - requestOverhead

	// Requests in one entry: bounds the work of one Apply, and so how long a
	// reader or the next entry waits for it.
	maxEntryRequests = 8192

	// Entries handed to raft and not yet applied. While three are on their way
	// (one being synced here, one there, one being applied) more would only
	// take requests away from the next entry. It is far below raft's own
	// buffer, so that handing over never blocks.
	maxEntriesInFlight = 3

	// Entries raft groups in one write and one RPC. Entries are batches
	// themselves, so a small group is enough.
	maxAppendEntries = 64

	// Entries in memory for replication: a few times those in flight. At worst
	// logCacheEntries × maxEntryBytes = 64 MiB.
	logCacheEntries = 128

	// The intake queue: two or three of the largest batches that a client may
	// send at once (10,000 requests, 8 MiB), about a second of work. What does
	// not fit is refused at once, for waiting longer helps nobody.
	maxQueueRequests = 32 << 10
	maxQueueBytes    = 32 << 20

	// Frames on their way to the leader: as with entries, the next one grows
	// meanwhile.
	maxFramesInFlight = 4

	// A frame carries at most what an entry does, and its own few bytes.
	maxFrameBytes = maxEntryBytes + 1<<10

	// An answer carries results, whose size the state machine decides. Results
	// beyond this bound are not delivered (outcome.Unknown).
	maxAnswerBytes = 16 << 20

	// Files of a member's own: its log and vote, and the files of a snapshot that
	// is written, sent or unpacked.
	ownFiles = 16

	raftTimeout = 3 * time.Second // bounds each raft RPC, votes included

	// How long a peer may take to accept a frame or an answer before the
	// connection counts as broken.
	writeTimeout = time.Second

	// How long a member that stops waits for its peers to close their
	// connections, which they do as soon as they hear of it.
	farewellTimeout = 500 * time.Millisecond

	// Pause before a leader that could not be reached is tried again.
	redialPause = 20 * time.Millisecond

	// Pause before more is sent to a member that says it does not lead.
	refusalPause = 20 * time.Millisecond

	// How long frames may be on their way without any answer arriving before
	// the connection to the leader counts as broken.
	answerTimeout = 10 * time.Second

	// How often a member asks each of the others how it is: often enough to
	// notice within a second that a clock was set, at a hundredth of a core at
	// most. How long it waits for the answer, and before it connects again.
	statusPeriod  = 500 * time.Millisecond
	statusTimeout = time.Second
	statusRedial  = 200 * time.Millisecond

	// What a status is at most: a dozen numbers, and reasons in words.
	maxStatusBytes = 64 << 10

	// The watchdog of the disk and of the state machine counts the time that
	// the process runs in steps of at most this part of its limit; a pause of
	// the process counts as one step.
	watchSteps = 40

	// How many election time-outs entries may take to get through to a majority
	// and, once committed, into the state, before a member says that they do
	// not. raft answers heartbeats in the same goroutine as it writes, so this
	// is far more than what a slow disk explains.
	stallTimeouts = 10

	// Bytes a second at which a member is sure to unpack and restore a snapshot.
	restoreRate = 1 << 20

	// How many entries a ready member's state may lag behind the commit index.
	maxReadyLag = 256

	// A due time that a tick did not move is asked for again only so often.
	tickPause = 20 * time.Millisecond

	// Attempts to hand leadership over at shutdown: raft refuses at once while
	// it is busy with an earlier attempt.
	transferAttempts = 3

	// Once raft has stopped it has answered all it will ever answer; this is
	// for the goroutines that pass it on.
	settleTimeout = time.Second

	// Why a member is not ready, as others hear it.
	maxReasonBytes = 500

	// How long a member that starts waits for the others to hear of it before it
	// is ready.
	greetTimeout = 500 * time.Millisecond

	// How long a member that ends because histories differ tries to tell the
	// others so.
	warnTimeout = time.Second

	maxPeers = 9
)

// leaderlessGrace is how many election timeouts requests wait in the queue for
// a leader: an ordinary failover passes unnoticed, a lost majority is told soon.
const leaderlessGrace = 6
