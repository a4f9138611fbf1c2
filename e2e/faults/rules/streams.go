package rules

import "fmt"

// Event is one of a stream: of a record or, Position -1, of a block. What is the record's id
// or the block's hash.
type Event struct {
	Block    uint64
	Position int
	What     string
}

func (e Event) String() string { return fmt.Sprintf("%d/%d %.16s", e.Block, e.Position, e.What) }

// Stream compares what a subscriber saw with what there was, both from the same block on.
// Behind the end of either there may be more. short is why nobody waits for more to come.
func Stream(name string, got, want []Event, short error) []Finding {
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			return []Finding{{OnceInOrder, fmt.Sprintf("%s: event %d is %v, and was to be %v, after %v", name, i, got[i], want[i], got[max(0, i-2):i])}}
		}
	}
	if short != nil {
		return []Finding{{OnceInOrder, fmt.Sprintf("%s: %v", name, short)}}
	}
	return nil
}

// Pages compares what somebody got page by page of an account's history with what there is:
// all from the beginning, each once, as far as there was any when he asked for the last page.
func Pages(name string, got, want []string, atLeast int) []Finding {
	for i, id := range got {
		if i >= len(want) || id != want[i] {
			return []Finding{{OnceInOrder, fmt.Sprintf("%s: item %d is %.16s, and is not in the chain there", name, i, id)}}
		}
	}
	if len(got) < atLeast {
		return []Finding{{OnceInOrder, fmt.Sprintf("%s ends after %d items, of at least %d", name, len(got), atLeast)}}
	}
	return nil
}
