package query

import (
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/intake"
)

// Names are the names that the query of each route may have. A name that
// means something in this API is honoured or refused, never dropped: whoever
// asks for ?token=gold, or for pending transfers only, must not get the
// default contract, or all of them, for an answer.
type Names struct {
	byRoute map[string][]string // by method and path
	known   map[string]bool     // on any route, folded
}

// elsewhere are names that mean something in other places: in bodies, on the
// command line, in headers.
var elsewhere = []string{"token", "key", "idempotency_key", "status", "wallet", "hold", "hold_until",
	"sender", "recipient", "amount", "memo", "nonce", "signature", "public_key", "chain_id", "transactions"}

// Add lets the query of a route have these names. The routes are set before any request
// is checked, and never changed after.
func (q *Names) Add(method, route string, names ...[]string) {
	if q.byRoute == nil {
		q.byRoute, q.known = map[string][]string{}, map[string]bool{}
		for _, name := range elsewhere {
			q.known[intake.Folded(name)] = true
		}
	}
	all := slices.Concat(names...)
	q.byRoute[method+" "+route] = all
	for _, name := range all {
		q.known[intake.Folded(name)] = true
	}
}

// Takes tells whether the query of a route may have a name.
func (q *Names) Takes(method, route, name string) bool {
	return slices.Contains(q.byRoute[method+" "+route], name)
}

// Check refuses what net/url would drop in silence, a parameter given twice,
// and one that the route does not take: a transfer must not fall back to the
// default contract because the name of another could not be read.
func (q *Names) Check(r *http.Request, route string) error {
	raw := r.URL.RawQuery
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
	return q.check(r.Method, route, values)
}

// check refuses a name that the route of a request does not take. On the
// tutorial's paths names that mean nothing here are the client's own business, as
// they were there.
func (q *Names) check(method, route string, values url.Values) error {
	takes, ours := q.byRoute[method+" "+route]
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

// Routes are the names of each route, by method and path.
func (q *Names) Routes() map[string][]string { return maps.Clone(q.byRoute) }

// Known are all names that mean something in this API, here or elsewhere.
func (q *Names) Known() iter.Seq[string] { return maps.Keys(q.known) }
