package rules

import (
	"fmt"
	"regexp"
	"strings"
)

// End is a process that has ended without being killed or told to.
type End struct {
	Node    string
	Code    int    // -1: by a signal
	Excused bool   // its disk fails, so that it may, with a code that says so
	Said    string // last
}

// Log is what a process printed in a round.
type Log struct{ Node, Text string }

// trace is what the runtime of Go prints when a process ends without meaning to, and what
// somebody logs who has caught that in time.
var trace = regexp.MustCompile(`(?m)^(panic|fatal error): |goroutine \d+ \[`)

// Ends finds processes that ended where nothing excuses it, and those that ended, or would
// have, without meaning to.
func Ends(ends []End, logs []Log) (found []Finding) {
	for _, e := range ends {
		if !e.Excused || e.Code <= 0 {
			found = append(found, Finding{NoCrash, fmt.Sprintf("%s has ended by itself with %d:\n%s", e.Node, e.Code, e.Said)})
		}
	}
	for _, l := range logs {
		if at := trace.FindStringIndex(l.Text); at != nil {
			found = append(found, Finding{NoCrash, fmt.Sprintf("%s panics: %.1500s", l.Node, l.Text[max(0, at[0]-500):])})
		}
	}
	return found
}

// contradicted is what a member says whose witness has seen more than its cluster has, or
// something else.
const contradicted = "a witness has seen another history"

// Alarms finds members that say so, though no witness was deceived: shown a history that a majority of
// them has signed and does not have, while it had nothing to hold it against.
func Alarms(logs []Log, deceived bool) (found []Finding) {
	for _, l := range logs {
		if at := strings.Index(l.Text, contradicted); at >= 0 && !deceived {
			found = append(found, Finding{NoAlarm, fmt.Sprintf("%s says: %.400s", l.Node, l.Text[at:])})
		}
	}
	return found
}
