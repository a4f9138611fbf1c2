package fsm

const (
	// MaxContracts bounds the contracts of one cluster: each has its head and
	// its pending records in memory.
	MaxContracts = 1000

	// MaxNodes bounds the directory of registered nodes, which strangers fill.
	MaxNodes = 1000

	// MaxOpenHolds bounds the holds of one contract that wait for a decision:
	// their expiries are in memory, and may all fall due at one moment.
	MaxOpenHolds = 100_000

	// maxRequestTransactions and maxRequestBytes bound one request to the
	// log, so that many share an entry and none waits long behind another.
	maxRequestTransactions = 1000
	maxRequestBytes        = 128 << 10
)
