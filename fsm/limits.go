package fsm

import "github.com/bpsc/bpsc/chain"

const (
	// largeBlock is from how many bytes of records on to clear memory for a block costs
	// more than to get a second piece.
	largeBlock = 16 << 10

	// maxSpareText bounds the memory that is kept of one request that was prepared.
	maxSpareText = 1 << 20

	// MaxContracts bounds the contracts of one cluster: each has its head and
	// its pending records in memory.
	MaxContracts = 1000

	// MaxTicks bounds the empty blocks that the schedules of all contracts together
	// produce a second while nobody does anything, and so what an idle cluster does and
	// writes for ever. Two thousand, 1,000 contracts with a block every half second, take 0.38 of
	// a core of the leader and 0.36 of each other member; half a core is what an idle member may
	// take. And they write half a kilobyte each, 80 GB a day. On the first level it is
	// firstTicks: what is decided there is what 0.1.0 decides.
	MaxTicks   = 2000
	firstTicks = 100

	// MaxOpenHolds bounds the holds of one contract that wait for a decision:
	// their expiries are in memory, and may all fall due at one moment.
	MaxOpenHolds = 100_000

	// MaxSenderHolds is one wallet's share of them: without, 0.2 token would take
	// them all for 90 days, since what goes back costs nothing.
	MaxSenderHolds = 1000

	// holdSteps and holdStep are for what shares cannot do, because wallets are
	// free: the more places are taken, the more a hold has to be worth (leastHold).
	holdSteps = 20
	holdStep  = MaxOpenHolds / holdSteps

	// MaxMembers bounds who can sign checkpoints: members and witnesses, of
	// which no sensible cluster has more.
	MaxMembers = 64

	// MaxRounds bounds the sizes of a chain of which attestations are kept.
	// There is one at a time unless a majority is slow or silent. Older ones stay
	// where nothing newer has as many members and witnesses: at most one for each
	// number of the fewer of both.
	MaxRounds = 4

	// MaxTokens bounds the tokens of one cluster: all are in memory, on each member.
	MaxTokens = 1000

	// keepEnded is how many seconds a token is remembered that has expired or was
	// revoked: so long whoever sends it is told so, and after that that it is none.
	keepEnded = 30 * 24 * 60 * 60

	// keptAudit is how many actions of operators are kept: years of them, and 5 MB of
	// memory on each member.
	keptAudit = 10_000

	// maxAdoptRecords bounds the records of one Update of an Adopter, which
	// keeps readers of the store out for some hundredths of a second. One block
	// may have as many.
	maxAdoptRecords = chain.MaxBlockRecords

	// pastRecords bounds the records that one question about the past reads, where
	// there are no notes: a tenth of a second. Blocks without any count as pastPageCost
	// for as many as are read at a time.
	pastRecords  = 20_000
	pastPageCost = 100

	// scratchKept bounds the ids for which a scratch ledger keeps its memory
	// from one block to the next.
	scratchKept = 2000
)
