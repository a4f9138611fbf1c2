package token

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Roles are what a token is good for, a set.
type Roles uint64

// The roles there are.
const (
	Read    Roles = 1 << iota // what the ledger has
	Submit                    // transactions, blocks on request, nodes of the directory
	Operate                   // what an operator does; it includes the others

	all = Read | Submit | Operate
)

var names = []string{"read", "submit", "operate"} // by their bits

// Has tells whether who has these roles may do what needs one.
func (r Roles) Has(need Roles) bool { return r.whole()&need == need }

// Within tells whether r gives nothing that the others do not.
func (r Roles) Within(others Roles) bool { return others.Has(r.whole()) }

// Valid tells whether there is a role, and none that nobody knows.
func (r Roles) Valid() bool { return r != 0 && r&^all == 0 }

// whole is r with what operate includes.
func (r Roles) whole() Roles {
	if r&Operate != 0 {
		return r | all
	}
	return r
}

// Names are those of the roles.
func (r Roles) Names() []string {
	list := []string{}
	for i, name := range names {
		if r&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

func (r Roles) String() string { return strings.Join(r.Names(), ",") }

// ParseRoles reads names of roles.
func ParseRoles(list []string) (r Roles, err error) {
	for _, name := range list {
		i := slices.Index(names, name)
		if i < 0 {
			return 0, fmt.Errorf("there is no role %.32q: they are %s", name, strings.Join(names, ", "))
		}
		r |= 1 << i
	}
	return r, nil
}

// MarshalJSON implements json.Marshaler.
func (r Roles) MarshalJSON() ([]byte, error) { return json.Marshal(r.Names()) }

// UnmarshalJSON implements json.Unmarshaler.
func (r *Roles) UnmarshalJSON(text []byte) error {
	var list []string
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	read, err := ParseRoles(list)
	if err == nil {
		*r = read
	}
	return err
}
