package fsm

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// request is one decoded request. Exactly the fields of its kind are set.
type request struct {
	kind     requestKind
	token    string
	txs      []chain.Transaction
	contract []byte   // JSON
	nodes    []string // host:port
	member   string
	url      string
	key      string
	attest   chain.Attestation
}

// requestKind is the field number of the request in command.proto.
type requestKind int

const (
	submitKind   requestKind = 2
	produceKind  requestKind = 3
	createKind   requestKind = 4
	registerKind requestKind = 5
	announceKind requestKind = 6
	attestKind   requestKind = 7
)

// answer is what a request came to. refused is for the request as a whole.
type answer struct {
	refused  chain.Code
	detail   string
	outcomes []outcome
	block    uint64
	nodes    []string
}

// outcome is what one transaction of a submit came to.
type outcome struct {
	placement store.Placement
	replay    bool
	completed bool
	record    []byte // what was decided, where it does not follow from the transaction
}

// run applies r. A refusal is an answer; an error stops the member.
func (r *request) run(tx *store.Tx) (answer, error) {
	switch r.kind {
	case submitKind:
		return submit(tx, r.token, r.txs)
	case produceKind:
		return produceOnRequest(tx, r.token)
	case createKind:
		return createContract(tx, r.contract)
	case registerKind:
		return registerNodes(tx, r.nodes), tx.Err()
	case announceKind:
		return announce(tx, r.member, store.Member{URL: r.url, Key: r.key}), nil
	case attestKind:
		return attest(tx, r.token, r.attest), tx.Err()
	}
	return answer{}, fmt.Errorf("%w: kind %d", ErrUnknownRequest, r.kind)
}

func refuse(err error) answer {
	return answer{refused: codeOf(err), detail: err.Error()}
}

// createContract starts a chain with its genesis block.
func createContract(tx *store.Tx, text []byte) (answer, error) {
	c, err := chain.DecodeContract(text)
	switch {
	case err != nil:
		return refuse(err), nil
	case tx.Head(c.Token) != nil:
		return refuse(fmt.Errorf("%w: %q", chain.ContractExists, c.Token)), nil
	case len(tx.Heads()) >= MaxContracts:
		return refuse(fmt.Errorf("%w: at most %d", chain.ContractsFull, MaxContracts)), nil
	}
	h := tx.CreateChain(c)
	if err := produceGenesis(tx, h); err != nil {
		return answer{}, err
	}
	return answer{block: h.Index}, tx.Err()
}

// registerNodes adds to the directory of nodes: all of them or none.
func registerNodes(tx *store.Tx, nodes []string) answer {
	added := map[string]bool{}
	count := 0
	for _, n := range nodes {
		var known bool
		if count, known = tx.Nodes(n); !known {
			added[n] = true
		}
	}
	if count+len(added) > MaxNodes {
		return refuse(fmt.Errorf("%w: at most %d", chain.NodesFull, MaxNodes))
	}
	for _, n := range nodes {
		tx.AddNode(n)
	}
	return answer{nodes: tx.NodeList()}
}
