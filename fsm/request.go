package fsm

import (
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/store"
)

// answer is what a request came to. signed is the outcomes' contract, where their
// records do not follow from what was asked.
type answer struct {
	command.Answer
	signed string
}

// run applies a request, of which w may have been written ahead. A refusal is an
// answer; an error stops the member.
func run(tx *store.Tx, q command.Request, w *written) (a answer, err error) {
	if refusal := tooEarly(tx, q); refusal != nil {
		return refuse(refusal), nil
	}
	switch q := q.(type) {
	case *command.Submit:
		return submit(tx, q.Token, q.Transactions, w)
	case *command.Produce:
		return produceOnRequest(tx, q.Token)
	case *command.Create:
		return createContract(tx, q.Contract, q.First)
	case *command.Register:
		for _, n := range q.Nodes {
			tx.AddNode(n, q.From)
		}
	case *command.Remove:
		if !tx.RemoveNode(q.Node) {
			a = refuse(fmt.Errorf("%w: %s is not registered", chain.NotFound, q.Node))
		}
	case *command.Announce:
		a = refuse(announce(tx, q))
	case *command.Attest:
		a = refuse(attest(tx, q.Token, q.Attestation))
	case *command.Recovered:
		return recovered(tx, q)
	case *command.Endorse:
		a = refuse(endorse(tx, q))
	case *command.Activate:
		a = refuse(activate(tx, release.Need{Level: q.Level, Release: q.Release}))
	case *command.MakeToken:
		a = refuse(makeToken(tx, q))
	case *command.RevokeToken:
		a = refuse(revokeToken(tx, q))
	case *command.Note:
		a = note(tx, q)
	default:
		return a, fmt.Errorf("%w: %T", command.ErrUnknownRequest, q)
	}
	return a, tx.Err()
}

// refuse is the answer that says why, or that there is no reason.
func refuse(refusal error) (a answer) {
	if refusal != nil {
		a.Refused, a.Detail = codeOf(refusal), refusal.Error()
	}
	return a
}

func unknownContract(token string) error { return fmt.Errorf("%w: %q", chain.ContractUnknown, token) }

func blockAnswer(h *store.Head) (a answer) {
	a.Block = h.Index
	return a
}

// createContract starts a chain with its genesis block. first asks for the
// cluster's default contract: it is not to be made beside another one.
func createContract(tx *store.Tx, text []byte, first bool) (answer, error) {
	c, refusal := chain.DecodeNewContract(text)
	switch {
	case refusal != nil:
	case tx.Head(c.Token) != nil:
		refusal = fmt.Errorf("%w: %q", chain.ContractExists, c.Token)
	case first && len(tx.Heads()) > 0:
		refusal = fmt.Errorf("%w: the default one is %q", chain.ContractExists, tx.Heads()[0].Contract.Token)
	case len(tx.Heads()) >= MaxContracts:
		refusal = fmt.Errorf("%w: at most %d", chain.ContractsFull, MaxContracts)
	case ticks(tx, c.Schedule) > maxTicks(tx)*ticksUnit:
		refusal = fmt.Errorf("%w: the contracts that produce empty blocks by time would together produce more than %d a second",
			chain.SchedulesFull, maxTicks(tx))
	}
	if refusal != nil {
		return refuse(refusal), nil
	}
	h := tx.CreateChain(c)
	if err := produceGenesis(tx, h); err != nil {
		return answer{}, err
	}
	return blockAnswer(h), tx.Err()
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

// maxTicks is how many empty blocks a second all schedules may come to.
func maxTicks(tx *store.Tx) int64 {
	if tx.Level() < release.Access {
		return firstTicks
	}
	return MaxTicks
}

func ticksOf(s chain.Schedule) int64 {
	if s.Every == 0 || !s.Empty {
		return 0 // it waits for a record, and costs no more than that
	}
	return int64((ticksUnit*time.Second + s.Every - 1) / s.Every)
}
