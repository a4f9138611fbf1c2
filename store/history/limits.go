package history

const (
	// MaxPage is the most records a page has, and defaultPage how many where nobody says.
	MaxPage     = 1000
	defaultPage = 100

	// postingsBudget and blocksBudget bound the postings that one call passes,
	// a row counting for rowCost more, and the blocks it reads, in bytes: some
	// hundredths of a second.
	postingsBudget = 100_000
	rowCost        = 16
	blocksBudget   = 16 << 20

	// stepLength is how many rows, or pending records, one step looks at.
	stepLength = 256

	// hashedAccounts is how many accounts an index keeps the hashes of, in 160 KB.
	hashedAccounts = 4096

	// rowPostings bounds the postings in a row, so that where accounts are few
	// a page does not read far more than it shows.
	rowPostings = 256
)
