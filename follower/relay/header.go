package relay

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Headers in their canonical form.
const (
	headerKey        = "Idempotency-Key"
	headerHops       = "Bpsc-Relay-Hops"
	headerChain      = "Bpsc-Chain"
	headerLocation   = "Location"
	headerConnection = "Connection"
	ownPrefix        = "Bpsc-"
)

// What is passed on and what is passed back. All else concerns one connection,
// or is nobody's business: hop-by-hop headers, cookies, credentials.
var (
	passedOn   = []string{headerKey, "Content-Type", "X-Request-Id", "Accept"}
	passedBack = []string{"Content-Type", headerLocation, "Idempotent-Replay", "Retry-After", "X-Request-Id", "Cache-Control"}
)

// onward is the header of the request to the upstream, whose ledger is to refuse
// it where its chain is another one. Values are passed as they came, also where
// there are two too many: the member refuses them.
func onward(client http.Header, chain string) (http.Header, error) {
	header := http.Header{}
	hops, err := countHops(client[headerHops])
	if err != nil {
		return nil, err
	}
	header.Set(headerHops, strconv.Itoa(hops+1))
	if chain != "" {
		header.Set(headerChain, chain)
	}
	for _, name := range passedOn {
		if values := client[name]; len(values) > 0 {
			header[name] = values
		}
	}
	return header, nil
}

// countHops reads through how many relays a request has come. What no relay
// wrote is taken for a loop.
func countHops(values []string) (int, error) {
	if len(values) == 0 {
		return 0, nil
	}
	hops, err := strconv.Atoi(values[0])
	if err != nil || len(values) > 1 || hops < 0 || hops >= maxHops {
		return 0, ErrLoop
	}
	return hops, nil
}

// back is the header of the answer to the client.
func back(upstream http.Header, token string) http.Header {
	header := http.Header{}
	for _, name := range passedBack {
		if values := upstream[name]; len(values) > 0 {
			header[name] = values
		}
	}
	for name, values := range upstream {
		if strings.HasPrefix(name, ownPrefix) && !namedIn(upstream[headerConnection], name) {
			header[name] = values
		}
	}
	if location := header.Get(headerLocation); location != "" {
		header.Set(headerLocation, located(location, token))
	}
	return header
}

// namedIn tells whether Connection makes a header one of this connection only.
func namedIn(connection []string, name string) bool {
	for _, value := range connection {
		for option := range strings.SplitSeq(value, ",") {
			if strings.EqualFold(strings.TrimSpace(option), name) {
				return true
			}
		}
	}
	return false
}

// located names the contract in a path, because the upstream leaves out its
// default one, and this node's may be another.
func located(location, token string) string {
	u, err := url.Parse(location)
	if err != nil || u.Host != "" {
		return location
	}
	query := u.Query()
	query.Set("contract", token)
	u.RawQuery = query.Encode()
	return u.String()
}
