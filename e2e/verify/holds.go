package verify

import (
	"cmp"
	"fmt"
	"math/big"
	"slices"
)

// How many holds may wait, in all and of one sender, and how many steps there
// are in what one has to be worth.
const (
	holdsMax       = 100_000
	senderHoldsMax = 1_000
	holdSteps      = 20
)

// holdSeconds is how far ahead a hold may end.
const holdSeconds = 90 * 86_400

// waiting is an open hold.
type waiting struct {
	until int64
	id    string
}

// compare orders holds as they expire.
func (w waiting) compare(other waiting) int {
	return cmp.Or(cmp.Compare(w.until, other.until), cmp.Compare(w.id, other.id))
}

// await puts a hold among those that wait, end takes one out.
func (l *Ledger) await(id string, h Hold) {
	w := waiting{h.Until, id}
	at, _ := slices.BinarySearchFunc(l.waiting, w, waiting.compare)
	l.waiting = slices.Insert(l.waiting, at, w)
	l.Holds[id] = h
}

func (l *Ledger) end(id string, h Hold, how string) {
	if at, found := slices.BinarySearchFunc(l.waiting, waiting{h.Until, id}, waiting.compare); found {
		l.waiting = slices.Delete(l.waiting, at, at+1)
	}
	h.Ended = how
	l.Holds[id] = h
}

// checkReturned checks that every hold that has expired by a time has been given
// back.
func (l *Ledger) checkReturned(at *big.Rat) error {
	if len(l.waiting) == 0 || at.Cmp(big.NewRat(l.waiting[0].until, 1)) < 0 {
		return nil
	}
	return fmt.Errorf("hold %s ended at %d, and at %s it has not been given back", l.waiting[0].id, l.waiting[0].until, at.FloatString(6))
}

// checkPlace checks that there was a place for a hold.
func (l *Ledger) checkPlace(sender string, amount int64) error {
	open, own := len(l.waiting), 0
	for _, w := range l.waiting {
		if l.Holds[w.id].Sender == sender {
			own++
		}
	}
	if open >= holdsMax || own >= senderHoldsMax {
		return fmt.Errorf("%d holds wait, %d of them of %s", open, own, sender)
	}
	step := open / (holdsMax / holdSteps)
	least := new(big.Int).Lsh(big.NewInt(holdsMax/holdSteps), uint(holdSteps-step))
	least.Div(big.NewInt(l.issued-l.burned), least)
	if step > 0 && amount < least.Int64() {
		return fmt.Errorf("a hold of %d units, while %d wait it takes %s", amount, open, least)
	}
	return nil
}
