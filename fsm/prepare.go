package fsm

import (
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
)

// prepared is what Apply of an entry needs and no state says, request by request.
type prepared []preparedRequest

// preparedRequest is a decoded request; nil where it is left to Apply to say what is
// wrong with it.
type preparedRequest struct {
	command.Request
	written *written // of a Submit to an open contract
}

// written is what transactions become under a contract, whatever the state is: valid
// transfers of an open contract always have the same record.
type written struct {
	under  *chain.Contract
	text   []byte       // of the records, one behind the other
	ends   []int        // where each ends; there is no text of one that is refused
	leaves []chain.Hash // the records' hashes, as leaves of a block's tree
}

// Prepare does what can be done for an entry before Apply, which takes the result
// and does the rest: it decodes the requests, and writes and hashes the records that
// transfers of open contracts become. It may be called from any goroutine, beside all
// else, and has no effect. Nothing depends on whether, or when, it was called: what it
// returns follows from the requests and contracts, which never change.
func (m *Machine) Prepare(requests [][]byte) (ahead any) {
	p := make(prepared, len(requests))
	for i, data := range requests {
		r, err := command.Decode(data)
		if err != nil {
			continue
		}
		p[i].Request = r
		if s, is := r.(*command.Submit); is {
			if c := m.store.KnownContract(s.Token); c != nil && c.Wallets == chain.OpenWallets {
				p[i].written = m.write(c, s.Transactions)
			}
		}
	}
	return p
}

// request returns request i, decoded.
func (p prepared) request(i int, data []byte) (r command.Request, w *written, err error) {
	if i < len(p) && p[i].Request != nil {
		return p[i].Request, p[i].written, nil
	}
	r, err = command.Decode(data)
	return r, nil, err
}

// recordRoom is about the length of a transfer's record.
const recordRoom = 384

// write writes the records of transactions.
func (m *Machine) write(c *chain.Contract, txs []chain.Transaction) *written {
	w, _ := m.spare.Get().(*written)
	if w == nil {
		w = &written{}
	}
	n := len(txs)
	w.under, w.text = c, slices.Grow(w.text[:0], recordRoom*n)
	w.ends, w.leaves = slices.Grow(w.ends[:0], n)[:n], slices.Grow(w.leaves[:0], n)[:n]
	var room []byte
	for i := range txs {
		start := len(w.text)
		if t := &txs[i]; t.Validate(c) == nil {
			if r, err := chain.NewTransfer(c, t); err == nil {
				w.text = chain.AppendRecord(w.text, &r, c.Decimals)
				w.leaves[i], room = chain.LeafHash(w.text[start:], room)
			}
		}
		w.ends[i] = len(w.text)
	}
	return w
}

// reuse lets go of what was written ahead: Apply has copied what it keeps.
func (m *Machine) reuse(p prepared) {
	for i := range p {
		if w := p[i].written; w != nil && cap(w.text) <= maxSpareText {
			p[i].written = nil
			m.spare.Put(w)
		}
	}
}

// record returns the record of transaction i, if it has been written under c: then
// the transaction is valid.
func (w *written) record(c *chain.Contract, i int) (text []byte, leaf chain.Hash, ok bool) {
	if w == nil || w.under != c {
		return nil, leaf, false
	}
	start := 0
	if i > 0 {
		start = w.ends[i-1]
	}
	text = w.text[start:w.ends[i]]
	return text, w.leaves[i], len(text) > 0
}
