package chainsync

import "time"

// The bounds of what is taken from upstreams, each with its reason. Those of
// time and of memory as a whole are in Config.
const (
	// rangeBytes is about what one request fetches when far behind: enough
	// that a request's own cost does not count, little enough to throw away.
	rangeBytes = 4 << 20

	// maxRange bounds the blocks of one request, however small they are.
	maxRange = 16_384

	// pollBlocks is how many blocks one request takes when nearly up to date.
	pollBlocks = 1_024

	// pollRoom is how many blocks of such an answer wait for the ledger. It
	// takes them all the time, so few do.
	pollRoom = 16

	// farBehind is from how many missing blocks on ranges are fetched side by
	// side; fewer come in one answer.
	farBehind = 64

	// adoptBytes and adoptRecords bound what the ledger takes at once, if that
	// is more than a block: readers wait meanwhile.
	adoptBytes   = 1 << 20
	adoptRecords = 5_000

	// pullPatience is how long Pull waits for one upstream before it asks the
	// next: one that hangs must not use up the time of whoever waits.
	pullPatience = time.Second

	// syncBytes is how much may be taken in bulk before it is made durable.
	syncBytes = 64 << 20

	// maxContractBytes and maxContractsBytes bound what an upstream says about
	// one contract and about all of them (a thousand, each about 1 KiB).
	maxContractBytes  = 64 << 10
	maxContractsBytes = 4 << 20

	// maxChains is how many chains one node follows: as many as a cluster may
	// have. Each costs three goroutines and what the ledger keeps of its head.
	maxChains = 1_000

	// maxUpstreams bounds the upstreams of one source: every one is asked now
	// and then.
	maxUpstreams = 64

	// maxEvidence is how many files are kept, so that a liar cannot fill the
	// disk. One is enough to convict; later ones are counted and logged.
	maxEvidence = 100

	// maxHeaderBytes bounds the header of an answer.
	maxHeaderBytes = 64 << 10

	// maxPolicies is how many policies one node is given: a cluster has one.
	maxPolicies = maxChains

	// handoversAnAnswer is how many handovers a server puts into one answer.
	handoversAnAnswer = 64

	// idleConns is how many connections to an upstream are kept between two
	// requests: chains that ask at about the same time share them.
	idleConns = 64

	// maxPulls is how many requests of clients may ask upstreams at a time how
	// long a chain is; the others wait. Anybody may make this node ask: no more
	// of them than there are connections kept, so that none opens another.
	maxPulls = idleConns

	// maxDetail bounds how much of an upstream's own text a message repeats.
	maxDetail = 256

	// readBuffer is what one answer is read through.
	readBuffer = 32 << 10

	// maxLookups bounds the lookups for unknown contracts at a time, which anybody
	// can ask for.
	maxLookups = 8

	// lookupTimeout bounds one of them, and so its goroutine.
	lookupTimeout = 2 * time.Second
)
