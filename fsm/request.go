package fsm

import (
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// request is one decoded request. Exactly the fields of its kind are set.
type request struct {
	kind     requestKind
	token    string
	txs      []chain.Transaction
	contract []byte   // JSON
	first    bool     // the contract is only wanted as the cluster's first
	nodes    []string // host:port
	from     string   // the network that registers them
	node     string   // the one to remove
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
	removeKind   requestKind = 8
)

// answer is what a request came to. refused is for the request as a whole.
type answer struct {
	refused  chain.Code
	detail   string
	outcomes []outcome
	signed   string // the outcomes' contract, where their records do not follow from what was asked
	block    uint64
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
		return createContract(tx, r.contract, r.first)
	case registerKind:
		for _, n := range r.nodes {
			tx.AddNode(n, r.from)
		}
		return answer{}, tx.Err()
	case removeKind:
		if !tx.RemoveNode(r.node) {
			return refuse(fmt.Errorf("%w: %s is not registered", chain.NotFound, r.node)), nil
		}
		return answer{}, tx.Err()
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

// createContract starts a chain with its genesis block. first asks for the
// cluster's default contract: it is not to be made beside another one.
func createContract(tx *store.Tx, text []byte, first bool) (answer, error) {
	c, err := chain.DecodeNewContract(text)
	switch {
	case err != nil:
		return refuse(err), nil
	case tx.Head(c.Token) != nil:
		return refuse(fmt.Errorf("%w: %q", chain.ContractExists, c.Token)), nil
	case first && len(tx.Heads()) > 0:
		return refuse(fmt.Errorf("%w: the default one is %q", chain.ContractExists, tx.Heads()[0].Contract.Token)), nil
	case len(tx.Heads()) >= MaxContracts:
		return refuse(fmt.Errorf("%w: at most %d", chain.ContractsFull, MaxContracts)), nil
	case ticks(tx, c.Schedule) > MaxTicks*ticksUnit:
		return refuse(fmt.Errorf("%w: the contracts that produce empty blocks by time would together produce more than %d a second",
			chain.SchedulesFull, MaxTicks)), nil
	}
	h := tx.CreateChain(c)
	if err := produceGenesis(tx, h); err != nil {
		return answer{}, err
	}
	return answer{block: h.Index}, tx.Err()
}

// ticksUnit is one empty block a second, in the unit of ticks.
const ticksUnit = 1_000_000

// ticks is how many empty blocks all schedules, and one more, produce by
// themselves: in a million seconds, so that no fraction counts as nothing.
func ticks(tx *store.Tx, more chain.Schedule) int64 {
	sum := ticksOf(more)
	for _, h := range tx.Heads() {
		sum += ticksOf(h.Contract.Schedule)
	}
	return sum
}

func ticksOf(s chain.Schedule) int64 {
	if s.Every == 0 || !s.Empty {
		return 0 // it waits for a record, and costs no more than that
	}
	return int64((ticksUnit*time.Second + s.Every - 1) / s.Every)
}
