package fsm

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/store"
	"github.com/bpsc/bpsc/store/blocks"
)

// runDue does what the clock asks for: holds that expired go back, then blocks
// whose time has come are produced. However long the time since, it is one
// block a chain.
func runDue(tx *store.Tx) error {
	for _, h := range tx.Heads() {
		if err := expireHolds(tx, h); err != nil {
			return err
		}
		due, ok := h.Due()
		if !ok || tx.Time() < due {
			continue
		}
		if err := produce(tx, h, chain.ByTime); err != nil {
			return err
		}
	}
	return nil
}

// produceFull produces a block when the pending records are as many as the
// contract, or the format, lets a block have.
func produceFull(tx *store.Tx, h *store.Head) (completed bool, err error) {
	switch h.Pending.Count() {
	case h.Contract.Schedule.Transactions:
		return true, produce(tx, h, chain.ByCount)
	case chain.MaxBlockRecords:
		return true, produce(tx, h, chain.BySize)
	}
	return false, nil
}

// makeRoom produces a block when one more record might not fit in it.
func makeRoom(tx *store.Tx, h *store.Head) error {
	if chain.HasRoom(len(h.Pending.Text())) {
		return nil
	}
	return produce(tx, h, chain.BySize)
}

func produceOnRequest(tx *store.Tx, token string) (answer, error) {
	h := tx.Head(token)
	if h == nil {
		return refuse(unknownContract(token)), nil
	}
	if !h.Contract.OnRequest {
		return refuse(fmt.Errorf("%w: this contract produces blocks by its schedule only", chain.OnRequestDisabled)), nil
	}
	if err := produce(tx, h, chain.ByRequest); err != nil {
		return answer{}, err
	}
	return blockAnswer(h), nil
}

// produceGenesis writes the first block and gives the issuer its supply.
func produceGenesis(tx *store.Tx, h *store.Head) error {
	if c := &h.Contract; c.Supply > 0 {
		h.Totals.Issued = c.Supply
		l := machineLedger{headLedger{tx, h}}
		l.SetAccount(c.Issuer, l.Account(c.Issuer), chain.Account{Balance: c.Supply})
	}
	if err := produce(tx, h, chain.ByGenesis); err != nil {
		return err
	}
	h.ID = h.Hash
	return nil
}

// produce makes the pending records the next block.
func produce(tx *store.Tx, h *store.Head, why chain.Trigger) error {
	header := chain.Header{
		Index: h.Index + 1, Timestamp: tx.Time(), PreviousHash: h.Hash.String(),
		Root: h.Pending.Root(), HasRoot: true, Totals: &h.Totals, Trigger: why,
	}
	if why == chain.ByGenesis {
		header.PreviousHash, header.Contract = chain.GenesisPrevious, &h.Contract
	}
	// Where the records do not fit they are appended at once, to memory that need not be cleared.
	room := make([]byte, 0, min(len(h.Pending.Text()), largeBlock)+chain.BlockOverhead)
	canonical, recordsAt := chain.AppendBlock(room, &header, h.Pending.Text(), h.Contract.Decimals)
	if len(canonical) > chain.MaxBlockBytes {
		return fmt.Errorf("block %d of %s has %d bytes, at most %d", header.Index, h.Contract.Token, len(canonical), chain.MaxBlockBytes)
	}
	b := &blocks.Block{Canonical: canonical, Hash: chain.HashBytes(canonical), Records: h.Pending.Places(recordsAt)}
	h.Index, h.Hash, h.Timestamp = header.Index, b.Hash, header.Timestamp
	leaf := proof.LeafOf(&header, h.Hash, h.Pending.Count())
	h.Pending.Clear()
	tx.AddBlock(h, leaf.EntryHash(), b)
	return conserved(h)
}

// conserved is the rule above all others: what was issued is in somebody's
// account, in escrow, or burned. A member that finds it broken stops.
func conserved(h *store.Head) error {
	if t := h.Totals; h.BalanceSum+t.Held+t.Burned != t.Issued {
		return fmt.Errorf("conservation is broken in %s at block %d: balances %d + held %d + burned %d is not issued %d units",
			h.Contract.Token, h.Index, h.BalanceSum, t.Held, t.Burned, t.Issued)
	}
	return nil
}
