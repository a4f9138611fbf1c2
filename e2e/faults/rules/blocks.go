package rules

import (
	"fmt"
	"time"
)

// Block is what the schedule is judged by.
type Block struct {
	Index uint64
	At    time.Time // its timestamp
}

// Spell is a time during which a cluster could not be asked to keep its schedule: no majority
// was up and in touch, or one had just come back.
type Spell struct{ From, To time.Time }

// Schedule finds blocks that came later than every plus grace after the one before, while
// there was a majority all the time. What follows a spell has its time from its end on.
func Schedule(blocks []Block, every, grace time.Duration, without []Spell) (found []Finding) {
	for i := 1; i < len(blocks); i++ {
		before, b := blocks[i-1], blocks[i]
		due := before.At.Add(every + grace)
		for changed := true; changed; { // a spell may end within what another one moved
			changed = false
			for _, s := range without {
				if s.From.Before(due) && s.To.After(before.At) && due.Before(s.To.Add(every+grace)) {
					due, changed = s.To.Add(every+grace), true
				}
			}
		}
		if b.At.After(due) {
			found = append(found, Finding{OnSchedule, fmt.Sprintf("block %d came %v after block %d; at most %v were to pass",
				b.Index, b.At.Sub(before.At).Round(time.Millisecond), before.Index, due.Sub(before.At).Round(time.Millisecond))})
		}
	}
	return found
}
