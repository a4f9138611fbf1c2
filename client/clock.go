package client

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/chain"
)

// clocksAgree is how far the chain's time may be from this machine's clock before
// that is worth a word: more than an answer takes on its way.
const clocksAgree = 5 * time.Second

// clockNote says by how much this machine's clock differs from the chain's time;
// empty when that is not known, or it does not.
func clockNote(chainTime chain.Seconds, local time.Time) string {
	ahead := local.Sub(chainTime.Time()).Round(time.Second)
	switch {
	case chainTime == 0, ahead.Abs() <= clocksAgree:
		return ""
	case ahead < 0:
		return fmt.Sprintf(": this machine's clock is %s behind the chain's time", -ahead)
	}
	return fmt.Sprintf(": this machine's clock is %s ahead of the chain's time", ahead)
}

// chainNow is the chain's time at the moment, as one server told it: a member
// tells it, of a follower only the newest block is known, so it is no earlier than
// that. Zero when the answer does not say.
func (a *contractAnswer) chainNow(local time.Time) time.Time {
	if now, ok := moment(a.Time); ok {
		return now
	}
	if tip, ok := moment(a.Tip); ok && tip.After(local) {
		return tip
	}
	return time.Time{}
}

// moment reads a time in seconds.
func moment(n json.Number) (time.Time, bool) {
	seconds, err := strconv.ParseFloat(string(n), 64)
	if err != nil || seconds <= 0 || seconds > math.MaxInt64/1e6 {
		return time.Time{}, false
	}
	return time.UnixMicro(int64(seconds * 1e6)), true
}
