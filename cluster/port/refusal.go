package port

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/internal/pki"
)

const (
	// sayAgain is for how long the log is not told again that a host was turned away for
	// the same reason: members try several times a second.
	sayAgain = 10 * time.Minute
	// maxSaid bounds what is remembered of that; whoever scans ports gets no further.
	maxSaid = 256
)

// Refusal is why there is no connection to a member, where the other side has
// spoken: what it said, or what is wrong with it. It is empty where it was silent.
func Refusal(err error, id string) string {
	var silent net.Error
	if !errors.Is(err, errHandshake) || errors.As(err, &silent) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return ""
	}
	return strings.TrimPrefix(err.Error(), fmt.Sprintf("%v with %s: ", errHandshake, id))
}

// NobodyListens tells whether dialling failed because the member's host says that no
// process listens at the address. No other error says so: one that has no descriptor left
// to dial with, and a host that does not answer, least of all; nor that a server of names
// has no process, which looks alike.
func NobodyListens(err error) bool {
	var names *net.DNSError
	return errors.Is(err, syscall.ECONNREFUSED) && !errors.As(err, &names)
}

// turned is what the log was told of those who were turned away.
type turned struct {
	mu   sync.Mutex
	said map[string]time.Time // by host and reason
}

// isNew tells whether that is to be said.
func (t *turned) isNew(host, why string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, said := t.said[host+" "+why]; said && now.Sub(last) < sayAgain {
		return false
	}
	if t.said == nil || len(t.said) >= maxSaid {
		t.said = map[string]time.Time{}
	}
	t.said[host+" "+why] = now
	return true
}

// certificateErrors are what an operator has to mend, on one side or the other.
var certificateErrors = []error{
	errPlain, pki.ErrNone, pki.ErrNoName, pki.ErrOtherName, pki.ErrExpired, pki.ErrNotYet, pki.ErrSelfSigned,
	pki.ErrForeign, pki.ErrWrongUse, pki.ErrInvalid, errNoCertificates,
}

// turnedAway tells the log who was not let in: at once where certificates are at fault.
func (p *Port) turnedAway(from net.Addr, err error) {
	for _, target := range certificateErrors {
		host, _, _ := net.SplitHostPort(from.String())
		if errors.Is(err, target) && p.turned.isNew(host, target.Error(), time.Now()) {
			p.log.Warn("turned away who wants to talk as a member", "remote", from, "error", err)
			return
		}
	}
	p.log.Debug("refused a connection", "remote", from, "error", err)
}
