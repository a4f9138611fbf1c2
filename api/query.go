package api

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
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
			return fmt.Errorf("%w: %q is given twice in the query", chain.InvalidField, intake.Echo(name))
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

// queryNames are the names that the query of each route may have. A name that
// means something in this API is honoured or refused, never dropped: whoever
// asks for ?token=gold, or for pending transfers only, must not get the
// default contract, or all of them, for an answer.
type queryNames struct {
	byRoute map[string][]string // by method and path
	known   map[string]bool     // on any route, folded
}

// elsewhere are names that mean something in other places: in bodies, on the
// command line, in headers.
var elsewhere = []string{"token", "key", "idempotency_key", "status", "wallet", "hold", "hold_until",
	"sender", "recipient", "amount", "memo", "nonce", "signature", "public_key", "chain_id", "transactions"}

func (q *queryNames) add(method, path string, names ...[]string) {
	if q.byRoute == nil {
		q.byRoute, q.known = map[string][]string{}, map[string]bool{}
		for _, name := range elsewhere {
			q.known[intake.Folded(name)] = true
		}
	}
	all := slices.Concat(names...)
	q.byRoute[method+" "+plain(path)] = all
	for _, name := range all {
		q.known[intake.Folded(name)] = true
	}
}

// takes tells whether the query of a route may have a name.
func (q *queryNames) takes(method, route, name string) bool {
	return slices.Contains(q.byRoute[method+" "+plain(route)], name)
}

// plain is a route without gin's marks of unescapeColons that stand for themselves.
func plain(route string) string { return strings.ReplaceAll(route, `\:`, ":") }

// check refuses a name that the route of a request does not take. On the
// tutorial's paths names that mean nothing here are the client's own business, as
// they were there.
func (q *queryNames) check(method, route string, values url.Values) error {
	takes, ours := q.byRoute[method+" "+plain(route)]
	if !ours {
		return nil // no route, or one that is not this package's
	}
	lenient := !strings.HasPrefix(route, "/v1/")
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains(takes, name) || lenient && !q.known[intake.Folded(name)] {
			continue
		}
		hint := ""
		if name == "token" && slices.Contains(takes, "contract") {
			hint = "; the contract is named with ?contract="
		}
		return fmt.Errorf("%w: this path takes no %q in the query%s", chain.InvalidField, intake.Echo(name), hint)
	}
	return nil
}

// cursorDigits is how many digits of the chain's id begin a cursor: a place in one
// chain means nothing in another, and a ledger that was made anew has the name of
// the one before. It takes 2^32 chains for two of them to agree by chance.
const cursorDigits = 16

// appendCursor begins a cursor with the chain it is of.
func appendCursor(dst []byte, id chain.Hash) []byte {
	var buf [2 * len(id)]byte
	return append(append(dst, id.AppendHex(buf[:0])[:cursorDigits]...), '-')
}

// fromCursor reads a page that begins at a cursor. Where that is of something
// which is not here, the page would be empty, for as long as the chain does not get
// there: who asked for the newest state has made the cursor up; else another
// replica may be a little ahead, and this one is given the time of a read to get
// there.
func fromCursor[T any](c *gin.Context, s *server, token string, read func() (T, error)) (page T, err error) {
	if page, err = read(); !errors.Is(err, chain.ErrBeyond) {
		return page, err
	}
	if s.role.newestOnly(c) {
		return page, fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	ctx, cancel := context.WithTimeout(c.Request.Context(), s.cfg.ReadTimeout)
	defer cancel()
	for waited := error(nil); ; {
		info, failed := s.read.Contract(token)
		if failed != nil {
			return page, failed
		}
		if page, err = read(); !errors.Is(err, chain.ErrBeyond) {
			return page, err
		}
		if waited != nil {
			return page, problem.WithDetail(problem.Behind, fmt.Sprintf("This node may not have caught up: %s", err))
		}
		waited = s.read.WaitBlock(ctx, token, info.Length+1)
	}
}

// ofChain is a cursor of that chain without its beginning; "" is none.
func ofChain(cursor string, id chain.Hash) (string, error) {
	if cursor == "" {
		return "", nil
	}
	of, place, ok := strings.Cut(cursor, "-")
	switch {
	case !ok || len(of) != cursorDigits || place == "":
		return "", fmt.Errorf("%w: %q is no cursor", chain.InvalidField, intake.Echo(cursor))
	case !strings.HasPrefix(id.String(), of):
		return "", fmt.Errorf("%w: it is %s here, and the cursor is of %s…", outcome.OtherChain, id, intake.Echo(of))
	}
	return place, nil
}
