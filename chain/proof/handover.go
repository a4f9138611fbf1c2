package proof

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// Handover is the statement by which the members of one policy make those of
// the next one known. It is about members alone: witnesses and chains are the
// choice of whoever verifies, and no majority of members may change that.
type Handover struct {
	Number   int        // of the new policy; the first one has 1 and no handover
	Before   chain.Hash // Policy.Hash of the one before
	Policy   *Policy    // the new one's Core
	Ends     []End      // by token: what the policy before is still good for
	Recovery *Recovery  // nil: a majority of the members before signed it
}

// End is the last size of a chain that the policy before speaks for.
type End struct {
	Token string     `json:"contract"`
	ID    chain.Hash `json:"chain_id"` // hash of the genesis block
	Size  uint64     `json:"size"`     // blocks, 1 to MaxSize
}

// Recovery says that a majority of the members was lost for good, and who went
// on without it. Such a handover is signed by a majority of the *new* members, at
// least one of the old ones among them, which is not enough for somebody who trusts
// the old ones: see History.Accept.
type Recovery struct {
	By     string   `json:"by"`     // whoever did it, in their own words
	Reason string   `json:"reason"` // why, in their own words
	Before []string `json:"before"` // identities of the members that there were
	After  []string `json:"after"`  // and of those that went on
}

// handoverTitle is the first line of a handover. No checkpoint can begin with
// it: an origin has a third part of 16 hex digits.
const handoverTitle = "bpsc/handover/v1"

// isHandover tells which kind of text it is.
func isHandover(body []byte) bool { return bytes.HasPrefix(body, []byte(handoverTitle+"\n")) }

// Core is what a handover says of a policy: the members, by name, without
// addresses, and how many of them it takes. No witnesses, no chains.
func (p *Policy) Core() *Policy {
	members := p.Members()
	for i := range members {
		members[i].URL = ""
	}
	slices.SortFunc(members, func(a, b Cosigner) int { return cmp.Compare(a.Name, b.Name) })
	return &Policy{cosigners: members, members: len(members), majority: p.majority}
}

// Hash names the members of a policy: SHA-256 of the text of its Core.
func (p *Policy) Hash() chain.Hash { return chain.HashBytes([]byte(p.Core().String())) }

// Hash names a handover: SHA-256 of its Body.
func (h Handover) Hash() chain.Hash { return chain.HashBytes(h.Body()) }

// Body is the text that is signed.
func (h Handover) Body() []byte {
	b := fmt.Appendf(nil, "%s\nnumber %d\nbefore %s\n", handoverTitle, h.Number, h.Before)
	if r := h.Recovery; r != nil {
		b = append(pyjson.AppendString(append(b, "recovered-by "...), r.By), '\n')
		b = append(pyjson.AppendString(append(b, "reason "...), r.Reason), '\n')
		b = fmt.Appendf(b, "members-before %s\nmembers-after %s\n", strings.Join(r.Before, " "), strings.Join(r.After, " "))
	}
	for _, e := range h.Ends {
		b = fmt.Appendf(b, "end %s %s %d\n", e.Token, e.ID, e.Size)
	}
	return append(b, h.Policy.Core().String()...)
}

// ParseHandover reads the text of a handover in its one spelling. Errors wrap
// ErrEmpty, ErrTooLarge, ErrHandover or ErrPolicy.
func ParseHandover(text []byte) (Handover, error) {
	if err := bounded(text, MaxHandoverBytes); err != nil {
		return Handover{}, err
	}
	rest, ok := strings.CutPrefix(string(text), handoverTitle+"\n")
	if !ok {
		return Handover{}, fmt.Errorf("%w: it does not begin with %s", ErrHandover, handoverTitle)
	}
	r := handoverReader{rest: rest}
	h := r.handover()
	if r.err != nil {
		return Handover{}, fmt.Errorf("%w: %w", ErrHandover, r.err)
	}
	var err error
	if h.Policy, err = ParsePolicy([]byte(r.rest)); err != nil {
		return Handover{}, err
	}
	if err := h.validate(); err != nil {
		return Handover{}, fmt.Errorf("%w: %w", ErrHandover, err)
	}
	if !bytes.Equal(h.Body(), text) { // whatever else the policy says, and every other spelling, is refused here
		return Handover{}, fmt.Errorf("%w: it has another spelling", ErrHandover)
	}
	return h, nil
}

// handoverReader takes the lines above the policy, from the first. err is what
// was wrong first.
type handoverReader struct {
	rest string
	err  error
}

func (r *handoverReader) handover() (h Handover) {
	h.Number, r.err = strconv.Atoi(r.line("number "))
	h.Before = r.hash(r.line("before "))
	if strings.HasPrefix(r.rest, "recovered-by ") {
		h.Recovery = &Recovery{By: r.quoted(r.line("recovered-by ")), Reason: r.quoted(r.line("reason ")),
			Before: strings.Fields(r.line("members-before ")), After: strings.Fields(r.line("members-after "))}
	}
	for r.err == nil && strings.HasPrefix(r.rest, "end ") {
		h.Ends = append(h.Ends, r.end(r.line("end ")))
		if len(h.Ends) > MaxPolicyChains {
			r.fail(fmt.Errorf("more than %d chains", MaxPolicyChains))
		}
	}
	return h
}

// line takes the next line, which is to begin so.
func (r *handoverReader) line(keyword string) string {
	line, rest, _ := strings.Cut(r.rest, "\n")
	value, ok := strings.CutPrefix(line, keyword)
	if !ok {
		r.fail(fmt.Errorf("%.40q is not the line `%s`", line, strings.TrimSpace(keyword)))
	}
	r.rest = rest
	return value
}

func (r *handoverReader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *handoverReader) hash(text string) chain.Hash {
	h, err := chain.ParseHash(text)
	if err != nil {
		r.fail(err)
	}
	return h
}

func (r *handoverReader) quoted(text string) (s string) {
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		r.fail(err)
	}
	return s
}

func (r *handoverReader) end(text string) (e End) {
	token, rest, _ := strings.Cut(text, " ")
	id, size, _ := strings.Cut(rest, " ")
	e.Token, e.ID = token, r.hash(id)
	var err error
	if e.Size, err = parseCount(size); err != nil {
		r.fail(err)
	}
	return e
}

// validate checks what the spelling does not.
func (h Handover) validate() error {
	if h.Number < 2 {
		return fmt.Errorf("policy %d comes after none", h.Number)
	}
	if h.Recovery != nil {
		if err := h.Recovery.validate(); err != nil {
			return err
		}
	}
	for i, e := range h.Ends {
		switch {
		case !validToken(e.Token) || e.ID.IsZero():
			return fmt.Errorf("%.80q is no chain", e.Token)
		case e.Size < 1 || e.Size > MaxSize:
			return fmt.Errorf("%w: chain %s of %d blocks", ErrSize, e.Token, e.Size)
		case i > 0 && e.Token <= h.Ends[i-1].Token:
			return fmt.Errorf("chain %s is not in its order", e.Token)
		}
	}
	return nil
}

func (r *Recovery) validate() error {
	for _, text := range []string{r.By, r.Reason} {
		if text == "" || len(text) > MaxRecoveryText {
			return fmt.Errorf("who recovered, and why, takes 1 to %d bytes each", MaxRecoveryText)
		}
	}
	for _, list := range [][]string{r.Before, r.After} {
		if len(list) == 0 || len(list) > maxIdentities || !slices.IsSorted(list) {
			return fmt.Errorf("a list of 1 to %d members is expected, in their order", maxIdentities)
		}
		for _, identity := range list {
			if len(identity) > maxIdentityBytes || !validName(strings.Replace(identity, "~", "", 1)) {
				return fmt.Errorf("nobody is called %.80q", identity)
			}
		}
	}
	return nil
}

// ReadHandover returns the handover in a note whose signatures nobody has
// looked at yet.
func ReadHandover(note []byte) (Handover, error) {
	h, _, err := parseHandoverNote(note)
	return h, err
}

func parseHandoverNote(note []byte) (Handover, signedText, error) {
	n, err := parseNote(note, MaxHandoverBytes)
	if err != nil {
		return Handover{}, signedText{}, err
	}
	h, err := ParseHandover(n.body)
	return h, n, err
}
