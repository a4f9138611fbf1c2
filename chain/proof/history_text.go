package proof

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// String writes h as a file: the text of the first policy, then the signed
// handovers, an empty line between each two. It holds the recovery that nobody
// accepted as well, and does not say which were accepted: who reads it says so.
func (h *History) String() string {
	var b strings.Builder
	b.WriteString(h.first.String())
	for i := range h.steps {
		b.WriteByte('\n')
		b.Write(h.steps[i].note)
	}
	if h.recovery != nil {
		b.WriteByte('\n')
		b.Write(h.recovery.note)
	}
	return b.String()
}

// SplitHistory takes the text of a history apart and verifies nothing. Comments,
// which begin with #, and empty lines may stand before the policy and behind
// each part.
func SplitHistory(text []byte) (policy []byte, notes [][]byte, err error) {
	if err := bounded(text, MaxHistoryBytes); err != nil {
		return nil, nil, err
	}
	if err := asWritten(text); err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	parts := strings.Split("\n"+string(text), "\n"+handoverTitle+"\n")
	if len(parts) > 1+MaxHandovers {
		return nil, nil, fmt.Errorf("%w: %w: more than %d handovers", ErrHistory, ErrTooLarge, MaxHandovers)
	}
	for _, part := range parts[1:] {
		notes = append(notes, []byte(handoverTitle+"\n"+withoutComments(part)))
	}
	return []byte(strings.TrimPrefix(parts[0]+"\n", "\n")), notes, nil
}

// withoutComments cuts off what follows a note: empty lines and comments.
func withoutComments(part string) string {
	lines := strings.Split(part, "\n")
	last := len(lines)
	for last > 0 && (lines[last-1] == "" || strings.HasPrefix(lines[last-1], "#")) {
		last--
	}
	return strings.Join(lines[:last], "\n") + "\n"
}

// ParseHistory reads a history as String writes it; a policy file is a history
// of one. The first policy is trusted as it is, the others when they were handed
// over as Add asks for. A recovery goes on where its hash is among those
// accepted; else the history stops there, and what follows is not looked at.
func ParseHistory(text []byte, accepted ...chain.Hash) (*History, error) {
	policy, notes, err := SplitHistory(text)
	if err != nil {
		return nil, err
	}
	first, err := ParsePolicy(policy)
	if err != nil {
		return nil, err
	}
	h := NewHistory(first)
	for _, note := range notes {
		if h, err = h.Extend(note, accepted); err != nil {
			return nil, err
		}
		if h.recovery != nil {
			break
		}
	}
	return h, nil
}

// Extend returns h with one more handover: by Add, by Accept where it is a
// recovery whose hash was accepted, else by Stop.
func (h *History) Extend(note []byte, accepted []chain.Hash) (*History, error) {
	said, err := ReadHandover(note)
	switch {
	case err != nil:
		return nil, err
	case said.Recovery == nil:
		return h.Add(note)
	case slices.Contains(accepted, said.Hash()):
		return h.Accept(note, said.Hash())
	default:
		return h.Stop(note)
	}
}

// From is the text of a history that begins with the Core of the policy of a
// number, and holds at most so many handovers: what a server answers who asks for
// what came after. Below the first it begins with the first; beyond the newest it
// is chain.NotFound. A recovery that nobody accepted is part of it.
func (h *History) From(number, most int) ([]byte, error) {
	stages := h.Stages()
	at := 0
	if first := stages[0].Number; first > 0 {
		at = max(number-first, 0)
	}
	if at >= len(stages) {
		return nil, fmt.Errorf("%w: there is no policy %d", chain.NotFound, number)
	}
	part := &History{first: stages[at].Policy.Core()}
	part.steps = h.steps[at:]
	if len(part.steps) > most {
		part.steps = part.steps[:most]
	} else {
		part.recovery = h.recovery
	}
	return []byte(part.String()), nil
}
