package fsm

import (
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// answer is what a request came to. signed is the outcomes' contract, where their
// records do not follow from what was asked.
type answer struct {
	command.Answer
	signed string
}

// run applies a request. A refusal is an answer; an error stops the member.
func run(tx *store.Tx, q command.Request) (answer, error) {
	switch q := q.(type) {
	case *command.Submit:
		return submit(tx, q.Token, q.Transactions)
	case *command.Produce:
		return produceOnRequest(tx, q.Token)
	case *command.Create:
		return createContract(tx, q.Contract, q.First)
	case *command.Register:
		for _, n := range q.Nodes {
			tx.AddNode(n, q.From)
		}
		return answer{}, tx.Err()
	case *command.Remove:
		if !tx.RemoveNode(q.Node) {
			return refuse(fmt.Errorf("%w: %s is not registered", chain.NotFound, q.Node)), nil
		}
		return answer{}, tx.Err()
	case *command.Announce:
		return announce(tx, q.Member, store.Member{URL: q.URL, Key: q.Key}), nil
	case *command.Attest:
		return attest(tx, q.Token, q.Attestation), tx.Err()
	}
	return answer{}, fmt.Errorf("%w: %T", command.ErrUnknownRequest, q)
}

func refuse(err error) answer {
	return answer{Answer: command.Answer{Refused: codeOf(err), Detail: err.Error()}}
}

func blockAnswer(h *store.Head) answer { return answer{Answer: command.Answer{Block: h.Index}} }

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

func ticksOf(s chain.Schedule) int64 {
	if s.Every == 0 || !s.Empty {
		return 0 // it waits for a record, and costs no more than that
	}
	return int64((ticksUnit*time.Second + s.Every - 1) / s.Every)
}
