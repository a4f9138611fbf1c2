package verify

import (
	"encoding/json"
	"fmt"
	"math/big"
)

// limit is the most that a wallet sends: every change of it, with the time from
// which it counts. 0 is none.
type limit []limitChange

type limitChange struct {
	from   *big.Rat
	amount int64
}

func (l limit) at(now *big.Rat) (amount int64) {
	for _, c := range l {
		if c.from.Cmp(now) <= 0 {
			amount = c.amount
		}
	}
	return amount
}

// set adds a change, in place of one that does not count yet. A looser limit
// counts after the contract's delay.
func (l limit) set(to int64, now *big.Rat, delay int64) limit {
	var kept limit
	for _, c := range l {
		if c.from.Cmp(now) <= 0 {
			kept = append(kept, c)
		}
	}
	from := now
	if current := l.at(now); current != 0 && (to == 0 || to > current) {
		from = new(big.Rat).Add(now, big.NewRat(delay, 1))
	}
	return append(kept, limitChange{from, to})
}

// change is what a change of rules makes of a limit; "" leaves it.
func (l *Ledger) change(was limit, to json.Number) (limit, error) {
	if to == "" {
		return was, nil
	}
	amount, err := l.units(to)
	if err != nil || amount < 0 {
		return was, fmt.Errorf("a limit of %s", to)
	}
	return was.set(amount, l.clock, l.Contract.Loosening), nil
}

// counted checks what a wallet sends against its owner's limits, and returns the
// wallet with it counted where there is a limit for the day.
func (l *Ledger) counted(sender string, amount int64) (Wallet, error) {
	w := l.Wallets[sender]
	if most := w.perTransfer.at(l.clock); most != 0 && amount > most {
		return w, fmt.Errorf("%s sends %d units, at most %d at once", sender, amount, most)
	}
	most := w.perDay.at(l.clock)
	if most == 0 {
		return w, nil
	}
	day := new(big.Int).Div(l.clock.Num(), new(big.Int).Mul(l.clock.Denom(), big.NewInt(86_400))).Int64()
	if day != w.day {
		w.day, w.spent = day, 0
	}
	if w.spent += amount; w.spent > most {
		return w, fmt.Errorf("%s sends %d units on a day, at most %d", sender, w.spent, most)
	}
	return w, nil
}
