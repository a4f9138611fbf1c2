package witness

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/bpsc/bpsc/chain/proof"
)

// authority is a Log as the witness uses it.
type authority struct {
	members *proof.Policy   // without witnesses: this is one, and asks no other
	keys    []string        // of the members
	pinned  map[string]bool // origins; none: any of these members
}

func newAuthority(l Log) (authority, error) {
	majority, _ := l.Policy.Required()
	members, err := proof.NewPolicy(l.Policy.Members(), majority, nil, 0, l.Policy.Chains()...)
	if err != nil {
		return authority{}, fmt.Errorf("witness: log %q: %w", l.Name, err)
	}
	a := authority{members: members, pinned: map[string]bool{}}
	for _, m := range members.Members() {
		a.keys = append(a.keys, m.Key.String())
	}
	for _, c := range members.Chains() {
		a.pinned[proof.Origin(c.Token, c.ID)] = true
	}
	return a, nil
}

// vouched finds the log whose members signed a checkpoint.
func (w *Witness) vouched(origin string, note []byte) (*authority, error) {
	candidates := w.candidates(origin)
	if len(candidates) == 0 {
		return nil, refuse(http.StatusNotFound, "unknown origin")
	}
	var reasons []error
	for _, a := range candidates {
		_, err := a.members.Verify(note, origin)
		if err == nil {
			return a, nil
		}
		reasons = append(reasons, err)
	}
	return nil, refuse(http.StatusForbidden, "%v", errors.Join(reasons...))
}

// candidates are the logs that may speak for an origin: the one that names it;
// else one with members that it is tracked for, so that no other cluster takes a
// chain over; else all that name no chains.
func (w *Witness) candidates(origin string) (open []*authority) {
	t := w.tracked(origin)
	for i := range w.authorities {
		a := &w.authorities[i]
		if a.pinned[origin] {
			return []*authority{a}
		}
		if len(a.pinned) == 0 && (t == nil || t.of(a)) {
			open = append(open, a)
		}
	}
	return open
}
