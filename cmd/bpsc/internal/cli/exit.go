package cli

import (
	"errors"
	"net/http"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/node"
	"github.com/bpsc/bpsc/wallet"
)

// Exit codes, stable for scripts.
const (
	ExitOK             = 0
	exitFailure        = 1
	exitUsage          = 2
	exitNotFound       = 3
	exitRejected       = 4
	exitDoesNotVerify  = 5
	exitUnauthorised   = 6
	exitUnavailable    = 7
	exitOutcomeUnknown = 8
	exitRemoved        = 9   // a member that was removed from its cluster
	exitWarned         = 10  // of bpsc doctor: there are warnings
	exitFound          = 11  // of bpsc doctor: something is wrong
	exitFatal          = 70  // a member that cannot trust its disk or its state
	ExitInterrupted    = 130 // interrupted again while it stopped
)

// ExitCodesHelp says the same to people.
const ExitCodesHelp = `Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 rejected by the ledger,
5 verification failed, 6 unauthorised: a token is missing or not good for this, 7 unavailable, 8 outcome unknown (sending again with the
same --key, or with submit what --offline printed, is safe), 9 a member that was removed from its
cluster, 10 and 11 of bpsc doctor: there are warnings, something is wrong, 70 a member that cannot
trust its disk or its state,
130 a server that was interrupted twice. A server that is told to stop ends with 0.`

// ErrUsage marks mistakes in the command line or the configuration.
var ErrUsage = node.ErrUsage

// ErrRejected: the ledger has decided, and not as was asked.
var ErrRejected = errors.New("rejected by the ledger")

// ErrWarned and ErrFound are how bpsc doctor ends where not all is well.
var (
	ErrWarned = errors.New("there are warnings")
	ErrFound  = errors.New("something is wrong")
)

// Reported is an error that whoever is to know of it has been told.
type Reported struct{ error }

// Report is an error of which nothing more is to be said.
func Report(err error) error { return Reported{err} }

func (r Reported) Unwrap() error { return r.error }

// ExitCode is the one place where errors become exit codes.
func ExitCode(err error) int {
	var answered *client.Problem
	switch {
	case err == nil:
		return ExitOK
	case errors.Is(err, cluster.ErrRemoved):
		return exitRemoved
	case errors.Is(err, node.ErrFatal): // whatever the cause is
		return exitFatal
	case errors.Is(err, ErrUsage), errors.Is(err, wallet.ErrName):
		return exitUsage
	case errors.Is(err, ErrWarned):
		return exitWarned
	case errors.Is(err, ErrFound):
		return exitFound
	case errors.Is(err, client.ErrOutcomeUnknown): // first: nothing else that is said of it matters as much
		return exitOutcomeUnknown
	case errors.Is(err, chain.ErrInvalid), errors.Is(err, chainsync.ErrEvidence):
		return exitDoesNotVerify
	case errors.Is(err, client.ErrUnavailable):
		return exitUnavailable
	case errors.Is(err, client.ErrTokenInClear):
		return exitUsage
	case errors.As(err, &answered) && unauthorised(answered):
		return exitUnauthorised
	case errors.Is(err, ErrRejected):
		return exitRejected
	case errors.Is(err, wallet.ErrNotFound), errors.Is(err, ErrNoContext), errors.As(err, &answered) && answered.Status == 404:
		return exitNotFound
	case errors.As(err, &answered) && answered.Status < 500:
		return exitRejected
	}
	return exitFailure
}

// unauthorised tells whether an answer is about who asks, and not about what the ledger
// lets anybody do.
func unauthorised(p *client.Problem) bool {
	return p.Status == http.StatusUnauthorized || p.Status == http.StatusForbidden &&
		!errors.Is(p, chain.NotIssuer) && !errors.Is(p, chain.NotTreasurer)
}
