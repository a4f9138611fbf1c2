package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// history is policies, one after the other, each handed over to by the members of
// the one before.
type history struct {
	policies []*policy
	ends     []map[string]int64 // by origin: the last size that is not judged by policies[i+1]
	held     map[string]int64   // the same of a recovery that was not accepted; nil: there is none
	why      string             // what it says of itself
}

const title = "bpsc/handover/v1\n"

func parseHistory(text string, accepted []string) (*history, error) {
	parts := strings.Split("\n"+text, "\n"+title)
	first, err := parsePolicy(parts[0])
	if err != nil {
		return nil, err
	}
	h := &history{policies: []*policy{first}}
	number := 0
	for _, part := range parts[1:] {
		body, rest, _ := strings.Cut(part, "\n\n")
		body = title + body + "\n"
		var signatures strings.Builder
		for line := range strings.Lines(rest) {
			if strings.HasPrefix(line, "— ") {
				signatures.WriteString(line)
			}
		}
		said, err := parseHandover(body)
		if err != nil {
			return nil, err
		}
		newest := h.policies[len(h.policies)-1]
		before := sha256.Sum256([]byte(newest.core()))
		if said.before != hex.EncodeToString(before[:]) || number != 0 && said.number != number+1 {
			return nil, fmt.Errorf("the handover to policy %d does not come next", said.number)
		}
		number = said.number
		if said.recovery != "" {
			sum := sha256.Sum256([]byte(body))
			if !slices.Contains(accepted, hex.EncodeToString(sum[:])) {
				h.held, h.why = said.ends, said.recovery
				return h, nil
			}
			newest = said.members
		}
		n, err := note.Open([]byte(body+"\n"+signatures.String()), note.VerifierList(newest.witnesses...))
		if err != nil {
			return nil, err
		}
		members, err := parsePolicy(newest.core())
		if err != nil {
			return nil, err
		}
		if _, enough := members.signedBy(n); !enough {
			return nil, fmt.Errorf("too few signed the handover to policy %d", said.number)
		}
		next, err := first.with(said.members)
		if err != nil {
			return nil, err
		}
		h.policies, h.ends = append(h.policies, next), append(h.ends, said.ends)
	}
	return h, nil
}

// handover is what matters here of one.
type handover struct {
	number   int
	before   string
	recovery string // who recovered
	ends     map[string]int64
	members  *policy
}

func parseHandover(body string) (h handover, err error) {
	h.ends = map[string]int64{}
	policy := ""
	for line := range strings.Lines(strings.TrimPrefix(body, title)) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "number":
			h.number, err = strconv.Atoi(f[1])
		case len(f) == 2 && f[0] == "before":
			h.before = f[1]
		case len(f) >= 2 && f[0] == "recovered-by":
			h.recovery = line
		case len(f) >= 2 && (f[0] == "reason" || f[0] == "members-before" || f[0] == "members-after"):
		case len(f) == 4 && f[0] == "end" && len(f[2]) == 64:
			h.ends["bpsc/"+f[1]+"/"+f[2][:16]], err = strconv.ParseInt(f[3], 10, 64)
		default:
			policy += line
		}
		if err != nil {
			return h, err
		}
	}
	h.members, err = parsePolicy(policy)
	return h, err
}

// core is the text of the members alone, by name, and how many of them it takes.
func (p *policy) core() string {
	keys := map[string]string{}
	for _, f := range p.lines {
		if f[0] == "witness" {
			keys[f[1]] = f[2]
		}
	}
	names, needed := p.members()
	text := ""
	for _, name := range names {
		text += "witness " + name + " " + keys[name] + " -\n"
	}
	needed = strings.NewReplacer("any", "1", "all", strconv.Itoa(len(names))).Replace(needed)
	return text + "group members " + needed + " " + strings.Join(names, " ") + "\nquorum members\n"
}

// members are the names of the members, sorted, and how many of them it takes.
func (p *policy) members() (names []string, needed string) {
	for _, f := range p.lines {
		if f[0] == "group" && f[1] == "members" {
			names, needed = slices.Sorted(slices.Values(f[3:])), f[2]
		}
	}
	return names, needed
}

// with is p with other members; its witnesses and chains stay.
func (p *policy) with(members *policy) (*policy, error) {
	old, _ := p.members()
	text := strings.TrimSuffix(members.core(), "quorum members\n")
	for _, f := range p.lines {
		switch {
		case f[0] == "witness" && slices.Contains(old, f[1]), f[0] == "group" && f[1] == "members":
		default:
			text += strings.Join(f, " ") + "\n"
		}
	}
	next, err := parsePolicy(text)
	if err == nil {
		next.origins = p.origins
	}
	return next, err
}

// open verifies a signed checkpoint by the policy of its size.
func (h *history) open(signed string) (origin string, tree tlog.Tree, signers []string, err error) {
	origin, rest, _ := strings.Cut(signed, "\n")
	digits, _, _ := strings.Cut(rest, "\n")
	size, _ := strconv.ParseInt(digits, 10, 64)
	if h.held != nil && size > h.held[origin] {
		return "", tree, nil, errors.New("after a recovery that nobody accepted: " + h.why)
	}
	p := h.policies[0]
	for i, ends := range h.ends {
		if size > ends[origin] {
			p = h.policies[i+1]
		}
	}
	return p.open(signed)
}
