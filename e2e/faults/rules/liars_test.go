package rules

import (
	"errors"
	"testing"
)

func TestLiars(t *testing.T) {
	for _, c := range []struct {
		name string
		rule string
		l    Lied
	}{
		{"nobody lies", "", Lied{}},
		{"it is found out", "", Lied{Told: 2, Accused: []string{"liar"}}},
		{"it is not found out", FindsLiars, Lied{Told: 1}},
		{"another is accused of it", FindsLiars, Lied{Told: 1, Accused: []string{"n1"}}},
		{"another is accused, too", FindsLiars, Lied{Told: 1, Accused: []string{"liar", "n1"}}},
		{"it is found out by its other name", "", Lied{Told: 2, Accused: []string{"its proxy"}}},
		{"it is accused, and has not lied", FindsLiars, Lied{Accused: []string{"liar"}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.l.Liars = []string{"liar", "its proxy"}
			breaks(t, c.rule, FoundOut([]Lied{c.l}))
		})
	}
}

func TestSecondRoots(t *testing.T) {
	breaks(t, "", Refused([]Forgery{{Status: 422}, {Status: 403}}))
	breaks(t, "", Refused([]Forgery{{Status: 200, Forgot: true}}))
	breaks(t, Remembers, Refused([]Forgery{{Status: 422}, {Status: 200}}))
	two := []string{"n1", "n3"}
	for _, c := range []struct {
		name string
		rule string
		t    Trial
	}{
		{"both are convicted", "", Trial{Guilty: two, Named: []string{"n3", "n1"}}},
		{"one gets away", Convicts, Trial{Guilty: two, Named: []string{"n1"}}},
		{"a third is convicted, too", Convicts, Trial{Guilty: two, Named: []string{"n1", "n2", "n3"}}},
		{"another is convicted", Convicts, Trial{Guilty: []string{"n1"}, Named: []string{"n2"}}},
		{"there is no verdict", Convicts, Trial{Guilty: two, Failed: errors.New("no evidence")}},
	} {
		t.Run(c.name, func(t *testing.T) { breaks(t, c.rule, Convicted([]Trial{c.t})) })
	}
}

func TestAudits(t *testing.T) {
	wrong := errors.New("block 3 is not in order")
	for _, c := range []struct {
		name string
		rule string
		a    Audit
	}{
		{"it is honest, and believed", "", Audit{}},
		{"it lies, and is refused", "", Audit{Lies: true, Refuted: wrong}},
		{"it lies, and is believed", SeesLies, Audit{Lies: true}},
		{"it is honest, and refused", SeesLies, Audit{Refuted: wrong}},
	} {
		t.Run(c.name, func(t *testing.T) { breaks(t, c.rule, Audited([]Audit{c.a})) })
	}
}
