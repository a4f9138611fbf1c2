package rules

import (
	"slices"

	"github.com/bpsc/bpsc/e2e/faults/history"
)

// submission holds one answer against the end.
func (j *judge) submission(op history.Op) {
	place, there := j.Places[op.ID]
	switch op.Verdict {
	case history.Done:
		if !there {
			j.say(Missing, "%s, acknowledged by %s at %v", op.ID, op.Node, op.Ended)
			return
		}
		if place.Block != op.Block || place.Position != op.Position {
			j.say(NeverBack, "%s was acknowledged by %s at %d/%d and is at %d/%d", op.ID, op.Node, op.Block, op.Position, place.Block, place.Position)
		}
		if r, now := j.record(op.ID); now {
			j.unchanged(op, r)
		}
	case history.Refused:
		j.refusal(op, there)
	case history.NotApplied:
		if there && !j.Earlier[op.ID] && !slices.ContainsFunc(j.asked[op.ID], func(o history.Op) bool { return o.Verdict != history.NotApplied }) {
			j.say(NotHidden, "%s is record %d, and all that was said of it is that it was not applied (%s: %d %s)", op.ID, place.Order, op.Node, op.HTTP, op.Code)
		}
	}
}

func (j *judge) unchanged(op history.Op, r Record) {
	switch {
	case r.Kind != op.Became || r.Reason != op.Reason:
		j.say(Changed, "%s was acknowledged as a %s %s and is a %s %s", op.ID, op.Became, op.Reason, r.Kind, r.Reason)
	case op.Of != "" && r.Hold != op.Of:
		j.say(Changed, "%s was to decide hold %s and has decided %s", op.ID, op.Of, r.Hold)
	case op.Of == "" && (r.Sender != op.Sender || r.Recipient != op.To || r.Units != op.Units):
		j.say(Changed, "%s was to send %d units from %s to %s and sent %d from %s to %s", op.ID, op.Units, op.Sender, op.To, r.Units, r.Sender, r.Recipient)
	}
}

func (j *judge) refusal(op history.Op, there bool) {
	if passing(op.Code) {
		return
	}
	if there {
		j.say(StaysRefused, "%s was refused by %s (%s) at %v, and is there", op.ID, op.Node, op.Code, op.Ended)
		return
	}
	if now := j.Refused[op.ID]; now != op.Code {
		j.say(StaysRefused, "%s was refused by %s as %q, and is %q now", op.ID, op.Node, op.Code, now)
	}
	for _, other := range j.asked[op.ID] {
		if other.Verdict == history.Refused && other.Code != op.Code && !passing(other.Code) {
			j.say(StaysRefused, "%s was refused as %q, and as %q", op.ID, op.Code, other.Code)
			return
		}
	}
}

// passing are refusals that are about the moment, and not about the transaction: one who
// comes again may be taken.
func passing(code string) bool {
	switch code {
	case "expires_too_far", "expired", "rate_limited", "hold_unknown", "contract_unknown":
		return true
	}
	return false
}

// status: what was decided stays so.
func (j *judge) status(op history.Op) {
	place, there := j.Places[op.ID]
	switch {
	case op.Verdict != history.Done:
	case op.Code != "":
		if there {
			j.say(NeverBack, "%s was refused (%s) as %s said, and is there", op.ID, op.Code, op.Node)
		} else if now, asked := j.Refused[op.ID]; asked && now != op.Code {
			j.say(NeverBack, "%s was refused (%s) as %s said, and is %q now", op.ID, op.Code, op.Node, now)
		}
	case !there:
		j.say(NeverBack, "%s was there as %s said at %v, and is not", op.ID, op.Node, op.Ended)
	case place.Block != op.Block || place.Position != op.Position:
		j.say(NeverBack, "%s was at %d/%d as %s said at %v, and is at %d/%d", op.ID, op.Block, op.Position, op.Node, op.Ended, place.Block, place.Position)
	}
}

// order: whatever was answered is before whatever was asked for afterwards; and an id that
// was decided is known to whoever asks afterwards, unless he asked for less.
func (j *judge) order() {
	decided := map[string]history.Op{}
	var last history.Op // of those answered so far, the one with the highest place
	ended, next := byEnd(j.Ops), 0
	for _, op := range byBegin(j.Ops) {
		for ; next < len(ended) && ended[next].Ended < op.Began; next++ {
			e := ended[next]
			if e.Verdict != history.Done || e.Kind != history.Submit && e.Kind != history.Status {
				continue
			}
			if _, known := decided[e.ID]; !known {
				decided[e.ID] = e
			}
			if e.Kind == history.Submit && j.Places[e.ID].Order > j.Places[last.ID].Order {
				last = e
			}
		}
		before, known := decided[op.ID]
		switch {
		case op.Kind == history.Status && op.Verdict == history.Refused && !op.Local && known:
			j.say(NeverBack, "%s was known at %v, and unknown to %s at %v", op.ID, before.Ended, op.Node, op.Began)
		case op.Kind == history.Submit && op.Verdict == history.Done && j.first(op) && j.Places[op.ID].Order < j.Places[last.ID].Order:
			j.say(InOrder, "%s, asked for at %v, comes before %s, acknowledged at %v", op.ID, op.Began, last.ID, last.Ended)
		}
	}
}

// first tells whether an attempt is the first for its id, so that nothing of it can have
// been under way before.
func (j *judge) first(op history.Op) bool {
	return !j.Earlier[op.ID] && !slices.ContainsFunc(j.asked[op.ID], func(o history.Op) bool { return o.Began < op.Began })
}
