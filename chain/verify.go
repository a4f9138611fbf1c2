package chain

import "fmt"

// Verifier checks the blocks of one chain, one after the other from genesis,
// for everything that needs neither balances nor earlier records: canonical
// form, links, roots, record form, fee arithmetic, and that the contract
// allowed each block to be produced when it was. The zero value awaits a
// genesis block. It keeps nothing but the last header.
type Verifier struct {
	Contract Contract
	chainID  Hash // hash of the genesis block
	last     Header
	lastHash Hash
}

// Length is the index of the last block that verified.
func (v *Verifier) Length() uint64 { return v.last.Index }

// Tip is the hash of the last block that verified.
func (v *Verifier) Tip() Hash { return v.lastHash }

// ResumeVerifier returns a verifier that awaits the block after at.Length, for
// whoever has verified up to there before. Of at it looks at Contract, ID,
// Length, Tip and TipTimestamp; a Length of 0 awaits a genesis block.
func ResumeVerifier(at Info) Verifier {
	if at.Length == 0 {
		return Verifier{}
	}
	return Verifier{Contract: at.Contract, chainID: at.ID, lastHash: at.Tip, last: Header{Index: at.Length, Timestamp: at.TipTimestamp}}
}

// Next checks that canonical is the next block and returns it decoded. An
// error wraps ErrInvalid and leaves v as it was. Verifier keeps nothing of
// canonical.
func (v *Verifier) Next(canonical []byte) (*Block, error) {
	c, err := v.Check(canonical)
	if err == nil {
		err = v.Link(c)
	}
	if err != nil {
		return nil, err
	}
	return c.Block, nil
}

// CheckPending checks that the records of a block that v has checked may wait for
// the next one. An error wraps ErrInvalid.
func (v *Verifier) CheckPending(c Checked) error {
	if v.Contract.Wallets == OpenWallets {
		return nil
	}
	return v.checkRecordTimes(c.Block)
}

// Check is CheckBlock for a block that may stand next in this chain.
func (v *Verifier) Check(canonical []byte) (Checked, error) {
	if v.last.Index == 0 {
		return CheckBlock(canonical, nil, Hash{}) // the contract is in the genesis block
	}
	return CheckBlock(canonical, &v.Contract, v.chainID)
}

// Link checks that a checked block is the next one: its index, its link, its
// times, and that the contract allowed it to be produced when it was. An error
// wraps ErrInvalid and leaves v as it was.
func (v *Verifier) Link(c Checked) error {
	if err := v.checkNext(c); err != nil {
		return fmt.Errorf("block %d: %w", c.Block.Index, err)
	}
	if c.Block.Contract != nil {
		v.Contract, v.chainID = *c.Block.Contract, c.Hash
	}
	v.last, v.lastHash = c.Block.Header, c.Hash
	return nil
}

func (v *Verifier) checkNext(c Checked) error {
	b := c.Block
	switch {
	case c.contract == nil:
		return invalid("it has not been checked")
	case b.Index == 1 && v.last.Index == 0:
		return nil // a genesis block is checked by itself
	case b.Index == v.last.Index+1 && (c.chainID != v.chainID || *c.contract != v.Contract):
		return invalid("it was checked as a block of another chain")
	}
	if err := v.checkLink(&b.Header); err != nil {
		return err
	}
	return v.checkProduced(c)
}

// checkLink checks that a block, not the first one, comes after the last.
func (v *Verifier) checkLink(h *Header) error {
	switch {
	case h.Index != v.last.Index+1:
		return invalid("index is %d, expected %d", h.Index, v.last.Index+1)
	case h.PreviousHash != v.lastHash.String():
		return invalid("previous_hash is %s, the block before has %s", h.PreviousHash, v.lastHash)
	case h.Timestamp < v.last.Timestamp:
		return invalid("timestamp goes back")
	}
	return nil
}
