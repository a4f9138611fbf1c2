package protocol

import "net/http"

// RelayRequest is a request as it came, but for its contract, and the relay's to
// keep: a write, or a read of something that this node has not.
type RelayRequest struct {
	Read       bool        // a GET: it has no effect, so it can be sent any number of times
	Token      string      // the contract, for the choice of upstreams
	Chain      string      // the id of its chain: an upstream with another one refuses
	Signed     bool        // the contract has signed wallets
	Repeatable bool        // every part has an id of its own: sent twice it is done once
	Path       string      // escaped as it came
	RawQuery   string      // names the contract: the upstream's default may be another
	Header     http.Header // all of the client's; few are passed on
	Body       []byte
}

// RelayAnswer is what the upstream said, as it came.
type RelayAnswer struct {
	Status int
	Header http.Header // of which few are the client's
	Body   []byte
}
