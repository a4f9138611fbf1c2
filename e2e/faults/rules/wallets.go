package rules

import (
	"slices"

	"github.com/bpsc/bpsc/e2e/faults/history"
)

// Set is what a record makes of a wallet's rules.
type Set struct {
	Wallet string
	Rules  history.Rules
}

// Anew are the rules of a wallet that nobody has set.
func Anew() history.Rules { return history.Rules{Receive: "auto"} }

// era is from when on a wallet has had its rules.
type era struct {
	from  int // the number of records
	rules history.Rules
}

// eras are those of all wallets whose rules changed in the window.
func (j *judge) eras() map[string][]era {
	all := map[string][]era{}
	for _, r := range j.Records {
		if r.Set != nil {
			all[r.Set.Wallet] = append(all[r.Set.Wallet], era{r.Order, r.Set.Rules})
		}
	}
	return all
}

// rules are those of a wallet after n records.
func (j *judge) rules(eras map[string][]era, wallet string, n int) history.Rules {
	for _, e := range slices.Backward(eras[wallet]) {
		if e.from <= n {
			return e.rules
		}
	}
	if set, known := j.Wallets[wallet]; known {
		return set
	}
	return Anew()
}
