package api

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

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

// folded is a name as its misspellings have it, too: Idempotency-Key and
// idempotencyKey mean idempotency_key.
func folded(name string) string {
	return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
}

func (q *queryNames) add(method, path string, names ...[]string) {
	if q.byRoute == nil {
		q.byRoute, q.known = map[string][]string{}, map[string]bool{}
		for _, name := range elsewhere {
			q.known[folded(name)] = true
		}
	}
	all := slices.Concat(names...)
	q.byRoute[method+" "+plain(path)] = all
	for _, name := range all {
		q.known[folded(name)] = true
	}
}

// plain is a route without gin's marks of colons that stand for themselves.
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
		if slices.Contains(takes, name) || lenient && !q.known[folded(name)] {
			continue
		}
		hint := ""
		if name == "token" && slices.Contains(takes, "contract") {
			hint = "; the contract is named with ?contract="
		}
		return fmt.Errorf("%w: this path takes no %q in the query%s", chain.InvalidField, echo(name), hint)
	}
	return nil
}
