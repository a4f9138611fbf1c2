package api

import (
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/chain"
)

// checkQuery refuses what net/url would drop in silence, a parameter given twice,
// and one that the route does not take: a transfer must not fall back to the
// default contract because the name of another could not be read.
func (s *server) checkQuery(c *gin.Context) error {
	raw := c.Request.URL.RawQuery
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("%w: the query of the address cannot be read", chain.InvalidField)
	}
	for name, given := range values {
		if len(given) > 1 {
			return fmt.Errorf("%w: %q is given twice in the query", chain.InvalidField, echo(name))
		}
	}
	return s.queryNames.check(c.Request.Method, c.FullPath(), values)
}

// queryText returns a parameter, "" when it is not there. Requests without a
// query, which are most, cost nothing.
func queryText(c *gin.Context, name string) string {
	if c.Request.URL.RawQuery == "" {
		return ""
	}
	return c.Query(name)
}

// queryUint returns a whole number from 1 to most, or fallback.
func queryUint(c *gin.Context, name string, fallback, most uint64) (uint64, error) {
	text := queryText(c, name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || n < 1 || n > most {
		return 0, fmt.Errorf("%w: %s must be a whole number from 1 to %d", chain.InvalidField, name, most)
	}
	return n, nil
}

// queryDuration returns a duration such as 10s, or nothing.
func queryDuration(c *gin.Context, name string, most time.Duration) (time.Duration, error) {
	text := queryText(c, name)
	if text == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 || d > most {
		return 0, fmt.Errorf("%w: %s must be a duration from 0s to %s", chain.InvalidField, name, most)
	}
	return d, nil
}
