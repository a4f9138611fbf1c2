package rules

import (
	"fmt"
	"strings"
)

// Damaged is a member that was started after its files had been damaged, as nobody knew of it.
type Damaged struct {
	Node, What string
	Ended      bool // it has refused
	Code       int  // with which it ended
	Said       string
	Gave       map[string]Copy // what it gave away before it was stopped, by contract
}

// Damage finds members that gave away what is not in the chains, blocks by contract from the
// first on, or that refused without saying what an operator is to do. A block that is in no
// chain yet says nothing.
func Damage(all []Damaged, chains map[string][][]byte) (found []Finding) {
	say := func(format string, args ...any) {
		found = append(found, Finding{NoBadData, fmt.Sprintf(format, args...)})
	}
	for _, d := range all {
		for contract, gave := range d.Gave {
			if what := differs(Copy{Node: "the others", First: 1, Blocks: chains[contract]}, gave); what != "" {
				say("after %s, %s: %s", d.What, contract, what)
			}
		}
		advice := strings.Contains(strings.ToLower(d.Said), "what to do") || strings.Contains(d.Said, "bpsc cluster")
		switch {
		case !d.Ended:
		case d.Code <= 0:
			say("%s, after %s, ends with %d, which means no refusal:\n%s", d.Node, d.What, d.Code, d.Said)
		case !advice:
			say("%s, after %s, ends with %d and does not say what to do:\n%s", d.Node, d.What, d.Code, d.Said)
		}
	}
	return found
}

// Backup is one that was taken while things went wrong.
type Backup struct {
	Of      string
	Refuted error // why it does not verify; nil: it does
}

// Backups finds those that were made and are not good.
func Backups(all []Backup) (found []Finding) {
	for _, b := range all {
		if b.Refuted != nil {
			found = append(found, Finding{NoBadData, fmt.Sprintf("a backup of %s: %v", b.Of, b.Refuted)})
		}
	}
	return found
}
