// Package query is what the query of an address says: a parameter as a number, a duration
// or a time, and which names a route takes. A name that means something is honoured or
// refused, never dropped in silence.
package query

import (
	"fmt"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// Text returns a parameter, "" when it is not there. Requests without a
// query, which are most, cost nothing.
func Text(c *gin.Context, name string) string {
	if c.Request.URL.RawQuery == "" {
		return ""
	}
	return c.Query(name)
}

// Uint returns a whole number from 1 to most, or fallback.
func Uint(c *gin.Context, name string, fallback, most uint64) (uint64, error) {
	text := Text(c, name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%w: %s must be a whole number from 1 to %d", chain.InvalidField, name, most)
	}
	return n, nil
}

// Duration returns a duration such as 10s, or nothing.
func Duration(c *gin.Context, name string, most time.Duration) (time.Duration, error) {
	text := Text(c, name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		return 0, fmt.Errorf("%w: %s must be a duration from 0s to %s", chain.InvalidField, name, most)
	}
	return d, nil
}

// Time returns a time: unix seconds with up to six places, or as RFC 3339 has
// it.
func Time(c *gin.Context, name string) (at chain.Micros, given bool, err error) {
	text := Text(c, name)
	if text == "" {
		return 0, false, nil
	}
	if at, err = chain.ParseTime(text); err != nil {
		err = fmt.Errorf("%w: %s must be a time, in unix seconds or like 2026-11-28T17:00:00Z; a + in it is written %%2B", chain.InvalidField, name)
	}
	return at, true, err
}
