package api

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// chainNow is the time, in unix microseconds, by which the ledger would judge a
// transaction that came now.
func (s *memberServer) chainNow(token string) int64 {
	if now, ok := s.member.Now(); ok {
		return now
	}
	return s.read.Time(token)
}

// liesInTime tells whether a refusal is for the time of a transaction.
func liesInTime(code chain.Code) bool { return code == chain.Expired || code == chain.ExpiresTooFar }

// aboutTime adds to a refusal that lies in the time of a transaction what the
// chain's time is: the client's clock may be wrong, or the chain's ahead.
func (s *memberServer) aboutTime(err error, sub *intake.Submission) error {
	var d *detailed
	var code chain.Code
	if sub.Tx.Auth == nil || !errors.As(err, &d) || !errors.As(err, &code) || !liesInTime(code) {
		return err
	}
	d.chainTime = s.chainNow(sub.Chain.Token) / 1_000_000
	d.detail = fmt.Sprintf("It expires at %s, and the chain's time is %s", inWords(sub.Tx.Auth.Expires), inWords(d.chainTime))
	return d
}

// inWords shows unix seconds as people and programs read them.
func inWords(seconds int64) string {
	return time.Unix(seconds, 0).UTC().Format(time.RFC3339) + " (" + strconv.FormatInt(seconds, 10) + ")"
}
