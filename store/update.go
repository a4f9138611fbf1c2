package store

import (
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store/blocks"
	"github.com/bpsc/bpsc/store/keys"
)

// Tx is the state as one entry of the log sees and changes it. It is valid
// inside Update's function only.
type Tx struct {
	s     *Store
	index uint64 // of the entry
	seen  uint64 // see Expect
	// changed are heads that Fold has begun to gather changes of, some of them twice.
	changed []*Head
	// err is the first failure to read; the machine stops on it, so readers
	// of the state need not look at it one by one.
	err error
}

// Update applies the entry with the given log index: change gets the state
// and changes it, all of it becomes visible at once. An error from change or
// from the disk is final: the state in memory is not what the log says any
// more, and the store does nothing further.
func (s *Store) Update(index uint64, change func(*Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.failed == nil && s.frozen != nil && s.active.bytes >= s.cfg.LayerBytes {
		s.settled.Wait() // the flusher is behind: do not let memory grow
	}
	if s.failed != nil {
		return s.failed
	}
	if index <= s.meta.Applied {
		return s.fail(fmt.Errorf("entry %d is already applied, the state stands at %d", index, s.meta.Applied))
	}
	level := s.meta.Level
	if err := s.run(&Tx{s: s, index: index}, change); err != nil {
		return err
	}
	s.meta.Applied = index
	if s.meta.Level != level {
		if err := s.raise(s.db, s.meta.Level); err != nil {
			return s.fail(err)
		}
	}
	if s.active.bytes >= s.cfg.LayerBytes && s.frozen == nil {
		return s.freeze()
	}
	return nil
}

// Amend changes what an older format did not keep and no entry of the log will say again.
// It is Update without an entry of its own.
func (s *Store) Amend(change func(*Tx) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failed != nil {
		return s.failed
	}
	return s.run(&Tx{s: s, index: s.meta.Applied}, change)
}

// run lets change work. The caller holds mu.
func (s *Store) run(tx *Tx, change func(*Tx) error) error {
	err := change(tx)
	if err == nil {
		err = tx.err
	}
	tx.settle()
	if err != nil {
		return s.fail(err)
	}
	return nil
}

// fail remembers the first failure and wakes all who wait.
func (s *Store) fail(err error) error {
	if s.failed == nil {
		s.failed = err
		s.settled.Broadcast()
	}
	return s.failed
}

func (tx *Tx) note(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// Index is the log index of the entry.
func (tx *Tx) Index() uint64 { return tx.index }

// Err is the first failure to read so far.
func (tx *Tx) Err() error { return tx.err }

// Time is the machine's clock.
func (tx *Tx) Time() chain.Micros { return tx.s.meta.Time }

// SetTime moves the machine's clock.
func (tx *Tx) SetTime(t chain.Micros) { tx.s.meta.Time = t }

// Heads returns all chains in order of creation.
func (tx *Tx) Heads() []*Head { return tx.s.heads }

// Head returns the chain of a token, nil if there is none.
func (tx *Tx) Head(token string) *Head { return tx.s.byToken[token] }

// CreateChain adds a chain that has no block yet; the caller produces its
// genesis block in the same update.
func (tx *Tx) CreateChain(c chain.Contract) *Head {
	h := newHead(uint32(len(tx.s.heads)), c)
	tx.s.heads = append(tx.s.heads, h)
	tx.s.byToken[c.Token] = h
	tx.s.contracts.Store(c.Token, &h.Contract)
	return h
}

// Account returns the state of a wallet; one never seen has nothing.
func (tx *Tx) Account(h *Head, name string) chain.Account {
	a, known := tx.s.accountInMemory(h.Number, name)
	if !known {
		var err error
		a, err = accountOnDisk(tx.s.db, h.Number, name)
		tx.note(err)
	}
	return a
}

// SetAccount replaces what Account returned as before, and keeps the sum of
// all balances.
func (tx *Tx) SetAccount(h *Head, name string, before, now chain.Account) {
	h.BalanceSum += now.Balance - before.Balance
	if every := tx.s.cfg.NoteEvery; before.Records/every != now.Records/every {
		tx.s.active.note(accountKey{h.Number, strings.Clone(name)}, note{h.nextPlace(), before})
	}
	active := tx.s.active
	active.setAccount(active.accounts.Hash(h.Number, name), h.Number, name, now)
}

// Placement returns what an id was decided to be.
func (tx *Tx) Placement(h *Head, id chain.ID) (Placement, bool) {
	k := keys.ID{Contract: h.Number, ID: id}
	f, sure := tx.s.placementInMemory(k)
	if !sure {
		var err error
		f, err = placementOnDisk(tx.s.db, k, tx.s.newestEpoch(h))
		tx.note(err)
	}
	return f.Placement, f.known
}

// SetPlacement decides a new id.
func (tx *Tx) SetPlacement(h *Head, id chain.ID, p Placement) {
	k := keys.ID{Contract: h.Number, ID: id}
	tx.s.active.setID(k, p)
	tx.s.ids.Add(&k)
}

// AddBlock stores the next block of a chain and wakes who waits for it. leaf is
// the hash of its leaf in the log of headers, which the caller has computed.
// AddBlock keeps b.
func (tx *Tx) AddBlock(h *Head, leaf chain.Hash, b *blocks.Block) {
	tx.s.active.setBlock(keys.Block{Contract: h.Number, Index: h.Index}, b)
	h.tree.add(leaf, func(index uint64, node chain.Hash) {
		tx.s.active.hashes[hashKey{h.Number, keys.NodeTable, index}] = node
	})
	if h.settle(); h.Digest != (chain.Hash{}) {
		tx.s.active.hashes[hashKey{h.Number, keys.DigestTable, h.Index}] = h.Digest
	}
	tx.noteFees(h, len(b.Records))
	close(h.produced)
	h.produced = make(chan struct{})
}

// AddNode registers a node, host:port, for the network that asked; the list
// makes room for it.
func (tx *Tx) AddNode(node, from string) { tx.s.meta.Nodes.Add(node, from) }

// RemoveNode tells whether there was such a node to remove.
func (tx *Tx) RemoveNode(node string) bool { return tx.s.meta.Nodes.Remove(node) }

// Attest replaces what members have said about a chain. attested is not
// changed any more.
func (tx *Tx) Attest(h *Head, attested []chain.Attestation) {
	h.attested = attested
	h.attests++
	close(h.more)
	h.more = make(chan struct{})
}
