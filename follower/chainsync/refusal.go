package chainsync

import (
	"errors"
	"fmt"
)

// Reason says why what an upstream gave was not taken. The words are stable:
// they stand in evidence, in metrics and in alerts.
type Reason string

// The reasons. What follows behind is a lie: it cannot come from an honest
// server, however unlucky.
const (
	Unreachable Reason = "unreachable" // no connection, or no answer in time
	BadStatus   Reason = "bad_status"  // an answer other than 200
	Redirected  Reason = "redirected"  // it sends us elsewhere; we do not go
	NotAChain   Reason = "not_a_chain" // another content type: a page of a proxy, say
	Truncated   Reason = "truncated"   // fewer blocks than it said it has
	TooSlow     Reason = "too_slow"    // below the least rate
	Behind      Reason = "behind"      // its chain is ours, but shorter

	// Of a checkpoint, or a policy. Its blocks may be good all the same.
	CheckpointRefused Reason = "checkpoint_refused"

	Endless       Reason = "endless"        // more blocks than were asked for
	LineTooLong   Reason = "line_too_long"  // no block is as long
	NotCanonical  Reason = "not_canonical"  // not the canonical bytes of a block
	InvalidBlock  Reason = "invalid_block"  // a block that does not verify
	OtherChain    Reason = "other_chain"    // another genesis block
	SecondHistory Reason = "second_history" // a good block, but not the one we have at that height

	CheckpointContradicts Reason = "checkpoint_contradicts" // the members signed a log that ours is not
)

// Reasons are all of them.
func Reasons() []Reason {
	return []Reason{Unreachable, BadStatus, Redirected, NotAChain, Truncated, TooSlow, Behind, CheckpointRefused,
		Endless, LineTooLong, NotCanonical, InvalidBlock, OtherChain, SecondHistory, CheckpointContradicts}
}

// lie tells whether an upstream refused for this reason is put aside for long.
func (r Reason) lie() bool {
	switch r {
	case Endless, LineTooLong, NotCanonical, InvalidBlock, OtherChain, SecondHistory, CheckpointContradicts:
		return true
	}
	return false
}

// refusal is an answer that was not taken.
type refusal struct {
	peer   *peer // whose answer it was
	reason Reason
	detail string
	status int    // of BadStatus
	index  uint64 // the height that served was to have
	served []byte // what is kept as evidence; nil: nothing is
	before []byte // what was served for the height below, where they do not link

	against *contradiction // where served is a signed note
}

func refuse(why Reason, format string, args ...any) *refusal {
	return &refusal{reason: why, detail: fmt.Sprintf(format, args...)}
}

// asRefusal is the refusal that err is, or nil.
func asRefusal(err error) *refusal {
	var r *refusal
	errors.As(err, &r)
	return r
}

// blame says whose answer was refused, if err is a *refusal.
func blame(p *peer, err error) error {
	if r := asRefusal(err); r != nil {
		return r.by(p)
	}
	return err
}

// by says whose answer it was.
func (r *refusal) by(p *peer) *refusal {
	r.peer = p
	return r
}

// with adds what was served for a height, to be kept as evidence.
func (r *refusal) with(index uint64, served []byte) *refusal {
	r.index, r.served = index, served
	return r
}

// after adds what was served for the height below.
func (r *refusal) after(before []byte) *refusal {
	r.before = before
	return r
}

// same is what two refusals share whose evidence is the same. Anybody can add
// a line to a note; what was signed stays.
func (r *refusal) same() []byte {
	if r.against != nil {
		return r.against.signed
	}
	return r.served
}

func (r *refusal) Error() string { return string(r.reason) + ": " + r.detail }
