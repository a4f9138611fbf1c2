package wallet

import (
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// ErrChainAhead: a server says that the chain's time is so far ahead of this
// machine's clock that what is signed by it could be applied for longer than
// chain.MaxExpires from now.
var ErrChainAhead = errors.New("wallet: the chain's time is far ahead of this machine's clock")

// shortestValid is what a transaction needs at least to get applied.
const shortestValid = time.Minute

// Moment is when something is signed, by this machine's clock and by the chain's.
// A ledger judges by its own.
type Moment struct {
	Local time.Time
	Chain time.Time // as a server tells it; Local where nobody does

	// Trusted takes the chain's time as it is told, however far ahead.
	Trusted bool
}

// At is the moment when this machine's clock shows now.
func (m Moment) At(now time.Time) Moment {
	m.Local, m.Chain = now, m.Chain.Add(now.Sub(m.Local))
	return m
}

// Expires is the time up to which what is signed now is valid if
// that is to last for d by the chain's time. It is never later than
// chain.MaxExpires from now by the local clock, whatever servers say: else one
// could get signatures that are good for years.
func (m Moment) Expires(d time.Duration) (chain.Seconds, error) {
	expires, latest := m.Chain.Add(d), m.Local.Add(chain.MaxExpires)
	if m.Trusted || !expires.After(latest) {
		return chain.SecondsOf(expires), nil
	}
	if latest.Sub(m.Chain) < min(d, shortestValid) {
		return 0, fmt.Errorf("%w: by %s", ErrChainAhead, m.Chain.Sub(m.Local).Round(time.Second))
	}
	return chain.SecondsOf(latest), nil
}
