package relay

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/protocol"
)

const (
	headerLocation   = "Location"
	headerConnection = "Connection"
)

// What is passed on and what is passed back. All else concerns one connection,
// or is nobody's business: hop-by-hop headers, cookies, credentials.
var (
	passedOn   = []string{protocol.IdempotencyKey, "Content-Type", protocol.RequestID, "Accept"}
	passedBack = []string{"Content-Type", headerLocation, protocol.IdempotentReplay, "Retry-After", protocol.RequestID, "Cache-Control"}
)

// onward is the header of the request to the upstream, whose ledger is to refuse
// it where its chain is another one. Values are passed as they came, also where
// there are two too many: the member refuses them.
func onward(client http.Header, chain string) (http.Header, error) {
	header := http.Header{}
	hops, err := countHops(client[protocol.RelayHops])
	if err != nil {
		return nil, err
	}
	header.Set(protocol.RelayHops, strconv.Itoa(hops+1))
	if chain != "" {
		header.Set(protocol.Chain, chain)
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
		return 0, outcome.RelayLoop
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
		if strings.HasPrefix(name, protocol.OwnPrefix) && !namedIn(upstream[headerConnection], name) {
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
