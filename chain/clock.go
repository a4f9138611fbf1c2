package chain

import (
	"fmt"
	"strings"
	"time"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// Seconds is a time in unix seconds, as an expiry is written.
type Seconds int64

// Micros is a time in unix microseconds, as a block's and the machine's clock.
type Micros int64

const secondMicros = 1_000_000

// MaxTimestamp is the last time a block may carry: up to 2^33 seconds (the year
// 2242) a double tells microseconds apart, so the shortest text of a timestamp is
// the timestamp. Sums of a time within it and any bound of limits.go stay far
// within an int64.
const MaxTimestamp Micros = 1 << 33 * secondMicros

// Micros is the beginning of s. A time that has not been held against MaxTimestamp
// (Seconds as somebody sent them) may be too large for it: see Within.
func (s Seconds) Micros() Micros { return Micros(s) * secondMicros }

// Within tells whether a block may carry s.
func (s Seconds) Within() bool { return s > 0 && s <= MaxTimestamp.Seconds() }

// Add is s and the whole seconds of d.
func (s Seconds) Add(d time.Duration) Seconds { return s + Seconds(d/time.Second) }

// Seconds is m without the part of a second. m is not negative.
func (m Micros) Seconds() Seconds { return Seconds(m / secondMicros) }

// Add is m and the whole microseconds of d.
func (m Micros) Add(d time.Duration) Micros { return m + Micros(d.Microseconds()) }

// Time is m as the standard library has it.
func (m Micros) Time() time.Time { return time.UnixMicro(int64(m)) }

// Time is s as the standard library has it.
func (s Seconds) Time() time.Time { return time.Unix(int64(s), 0) }

// SecondsOf is t without the part of a second.
func SecondsOf(t time.Time) Seconds { return Seconds(t.Unix()) }

// MicrosOf is t without the part of a microsecond.
func MicrosOf(t time.Time) Micros { return Micros(t.UnixMicro()) }

// ParseTime reads a time that a person gives: unix seconds with at most six places,
// or as RFC 3339 has it, of which what is below a microsecond is dropped.
func ParseTime(text string) (at Micros, err error) {
	if strings.Contains(text, "T") {
		var t time.Time
		if t, err = time.Parse(time.RFC3339, text); err == nil {
			at = MicrosOf(t)
		}
	} else {
		s := pyjson.NewScanner([]byte(text))
		if at, err = ScanTimestamp(s); err == nil {
			err = s.End()
		}
	}
	if err != nil || at <= 0 || at > MaxTimestamp {
		return 0, fmt.Errorf("%w: %q is no time from 1970 to 2242", InvalidField, text)
	}
	return at, nil
}

// Day is the UTC day, counted from 1970, that m is on.
func (m Micros) Day() int64 { return int64(m / (86_400 * secondMicros)) }
