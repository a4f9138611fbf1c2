package rules

import (
	"fmt"
	"time"
)

// Wait is one thing that was waited for once all faults had ended: that all is as ever, or that an
// operator comes to the end of what he does.
type Wait struct {
	For    string
	Took   time.Duration // from the end of the faults on
	Within time.Duration // how long it may take; 0: it has only to come
	Failed error         // why nobody waits any more; nil: it came
}

// Served finds what did not come by itself, or came too late.
func Served(waits []Wait) []Finding { return overdue(Service, waits) }

// Finished finds what operators did not bring to an end, or too late.
func Finished(procedures []Wait) []Finding { return overdue(Finishes, procedures) }

// overdue finds what did not come, or came too late, by a rule.
func overdue(rule string, waits []Wait) (found []Finding) {
	for _, w := range waits {
		switch {
		case w.Failed != nil:
			found = append(found, Finding{rule, fmt.Sprintf("%s: %v", w.For, w.Failed)})
		case w.Within > 0 && w.Took > w.Within:
			found = append(found, Finding{rule, fmt.Sprintf("%s took %v, and was to take %v at most", w.For, w.Took.Round(time.Millisecond), w.Within)})
		}
	}
	return found
}
