package fsm

import (
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// AccountAt is what a wallet was at the end of a block: the last note of it before
// that, and what the records since have made of it. It fails with chain.NotFound
// where the block is not here, and with chain.ErrUnfinished where nobody has noted
// the account for long: then it has noted how far it came, and the next call goes
// on from there.
func AccountAt(s *store.Store, token, name string, block uint64) (chain.Account, error) {
	info, err := s.Contract(token)
	if err != nil {
		return chain.Account{}, err
	}
	at, err := s.Note(token, name, block)
	if err != nil {
		return chain.Account{}, err
	}
	p := pastWallet{contract: &info.Contract, name: name, account: at.Account}
	if at.Block == 0 {
		at.Block, p.account = 1, genesisAccount(p.contract, name)
	}
	for done := 0; ; {
		records, next, err := s.RecordsFrom(token, name, at, block)
		if err != nil {
			return chain.Account{}, err
		}
		for i := range records {
			if err := p.apply(&records[i]); err != nil {
				return chain.Account{}, fmt.Errorf("%w: %s: %w", chain.ErrInvalid, name, err)
			}
		}
		at = next
		if at.Block > block {
			return p.account, nil
		}
		at.Account = p.account
		if done += max(len(records), pastPageCost); done >= pastRecords {
			break
		}
	}
	if err := s.SetNote(token, name, at); err != nil {
		return chain.Account{}, err
	}
	return chain.Account{}, fmt.Errorf("%w: what %s was at block %d; it is known up to block %d", chain.ErrUnfinished, name, block, at.Block)
}

// genesisAccount is what genesis gives to a wallet.
func genesisAccount(c *chain.Contract, name string) (a chain.Account) {
	if name == c.Issuer {
		a.Balance = c.Supply
	}
	return a
}

// pastWallet is one wallet in the course of its records. It is wallets of which
// the others are of no interest.
type pastWallet struct {
	contract *chain.Contract
	name     string
	account  chain.Account
}

func (p *pastWallet) Account(name string) (a chain.Account) {
	if name == p.name {
		a = p.account
	}
	return a
}

func (p *pastWallet) SetAccount(name string, _, now chain.Account) {
	if name == p.name {
		p.account = now
	}
}

// apply does what evolve does, for a record that has been decided.
func (p *pastWallet) apply(r *chain.Record) error {
	if r.Kind == chain.Rules {
		setRules(p, p.contract, r)
		return nil
	}
	var totals chain.Totals // of no interest either
	m, err := movesOf(p.contract, &totals, r)
	if err != nil {
		return err
	}
	for i := range m.list[:m.n] {
		if mv := &m.list[i]; mv.name == p.name {
			balance, ok := p.account.Balance.Plus(mv.delta)
			if !ok {
				return chain.BalanceOutOfRange
			}
			p.account.Balance = balance
			p.account.Records++
		}
	}
	spend(p, p.contract, r)
	return nil
}
