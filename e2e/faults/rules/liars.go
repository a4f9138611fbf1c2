package rules

import (
	"fmt"
	"net/http"
	"slices"
)

// Lied is what came of lies to a follower. That it stores none is for Same to see.
type Lied struct {
	Follower string
	Liars    []string // the upstreams that lie
	Told     int      // answers in which it has changed something
	Accused  []string // upstreams against whom there is evidence
}

// FoundOut finds followers that do not notice who lies to them, or accuse somebody else.
func FoundOut(all []Lied) (found []Finding) {
	say := func(format string, args ...any) {
		found = append(found, Finding{FindsLiars, fmt.Sprintf(format, args...)})
	}
	for _, l := range all {
		if l.Told > 0 && !slices.ContainsFunc(l.Liars, func(liar string) bool { return slices.Contains(l.Accused, liar) }) {
			say("%s was told %d lies by %v, and has no evidence", l.Follower, l.Told, l.Liars)
		}
		for _, one := range l.Accused {
			if !slices.Contains(l.Liars, one) || l.Told == 0 {
				say("%s accuses %s, who has not lied", l.Follower, one)
			}
		}
	}
	return found
}

// Forgery is a checkpoint that was shown to a witness, which had cosigned another root of as
// many blocks, and might have forgotten that.
type Forgery struct {
	Witness string
	Size    int
	Signed  []string
	Status  int // of the answer
	Forgot  bool
}

// Refused finds witnesses that cosigned two roots, and remembered the first.
func Refused(all []Forgery) (found []Finding) {
	for _, f := range all {
		if f.Status == http.StatusOK && !f.Forgot {
			found = append(found, Finding{Remembers, fmt.Sprintf("%s has cosigned a second root of %d blocks, as signed by %v", f.Witness, f.Size, f.Signed)})
		}
	}
	return found
}

// Trial is what was found of those who signed two histories.
type Trial struct {
	Evidence string // whose
	Guilty   []string
	Named    []string // as having signed both
	Failed   error    // why there was no verdict
}

// Convicted finds trials in which not the guilty were convicted, all of them and nobody else.
func Convicted(all []Trial) (found []Finding) {
	for _, t := range all {
		guilty, named := slices.Sorted(slices.Values(t.Guilty)), slices.Sorted(slices.Values(t.Named))
		switch {
		case t.Failed != nil:
			found = append(found, Finding{Convicts, fmt.Sprintf("evidence of %s against %v: %v", t.Evidence, guilty, t.Failed)})
		case !slices.Equal(guilty, named):
			found = append(found, Finding{Convicts, fmt.Sprintf("evidence of %s names %v, and %v signed both", t.Evidence, named, guilty)})
		}
	}
	return found
}

// Audit is what somebody found who verified what a member says.
type Audit struct {
	Node, Of string
	Lies     bool  // the member does
	Refuted  error // nil: what it says is in order
}

// Audited finds lies that nobody can see who verifies, and truth that is taken for a lie.
func Audited(all []Audit) (found []Finding) {
	for _, a := range all {
		switch {
		case a.Lies && a.Refuted == nil:
			found = append(found, Finding{SeesLies, fmt.Sprintf("%s of %s is a lie, and in order to who verifies it", a.Of, a.Node)})
		case !a.Lies && a.Refuted != nil:
			found = append(found, Finding{SeesLies, fmt.Sprintf("%s of %s is no lie, and refused: %v", a.Of, a.Node, a.Refuted)})
		}
	}
	return found
}
