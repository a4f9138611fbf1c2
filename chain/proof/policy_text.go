package proof

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// The groups of a policy's text.
const (
	groupMembers   = "members"
	groupWitnesses = "witnesses"
	groupBoth      = "both"
)

// noURL stands where a cosigner has no address: some readers of this format
// want four fields on the line.
const noURL = "-"

// pinKeyword begins, behind the # of a comment, the line that has all of a chain's
// id: the format leaves no other place, and the name of a log key has 16 digits of it.
const pinKeyword = "chain"

// String writes p as a policy file (c2sp.org/tlog-policy). One that names several
// chains is of ours alone: no key may stand in two lines `log`, so they have no keys.
func (p *Policy) String() string {
	var b strings.Builder
	if len(p.chains) == 1 {
		fmt.Fprintf(&b, "# %s %s %s\n%s\n", pinKeyword, p.chains[0].Token, p.chains[0].ID, strings.Join(p.logLines(), "\n"))
	} else {
		for _, c := range p.chains {
			fmt.Fprintf(&b, "log %s %s\n", c.Token, c.ID)
		}
	}
	for _, c := range p.cosigners {
		address := c.URL
		if address == "" {
			address = noURL
		}
		fmt.Fprintf(&b, "witness %s %s %s\n", c.Name, c.Key, address)
	}
	writeGroup(&b, groupMembers, p.majority, p.cosigners[:p.members])
	if p.quorum == 0 {
		b.WriteString("quorum " + groupMembers + "\n")
		return b.String()
	}
	writeGroup(&b, groupWitnesses, p.quorum, p.cosigners[p.members:])
	b.WriteString("group " + groupBoth + " all " + groupMembers + " " + groupWitnesses + "\nquorum " + groupBoth + "\n")
	return b.String()
}

func writeGroup(b *strings.Builder, name string, needed int, cosigners []Cosigner) {
	fmt.Fprintf(b, "group %s %d", name, needed)
	for _, c := range cosigners {
		b.WriteString(" " + c.Name)
	}
	b.WriteByte('\n')
}

// ParsePolicy reads a policy file. Of what the format allows it takes one
// shape: the group `members`, perhaps the group `witnesses` and then the group
// `both` of the two, and the quorum over them. Lines `log` are either the log keys of
// all members for the chain that is named above, or name chains themselves.
func ParsePolicy(text []byte) (*Policy, error) {
	if err := bounded(text, MaxPolicyBytes); err != nil {
		return nil, err
	}
	if err := asWritten(text); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	r := policyReader{groups: map[string]group{}}
	number := 0
	for line := range strings.SplitSeq(string(text), "\n") {
		number++
		if err := r.line(line); err != nil {
			return nil, fmt.Errorf("%w: line %d: %w", ErrPolicy, number, err)
		}
	}
	return r.policy()
}

// policyReader gathers the lines of a policy.
type policyReader struct {
	chains    []Chain
	pinned    int      // how many of chains are named above log keys
	logs      []string // keys
	cosigners []Cosigner
	groups    map[string]group
	quorum    string
}

// group is a line `group`.
type group struct {
	names  []string
	needed int
}

func (r *policyReader) line(line string) error {
	if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
		return errors.New("a control character")
	}
	fields := strings.FieldsFunc(line, func(c rune) bool { return c == ' ' || c == '\t' })
	switch {
	case len(fields) > 1 && fields[0] == "#" && fields[1] == pinKeyword:
		if len(fields) != 4 {
			return fmt.Errorf("%.40q is not `# %s TOKEN ID`", line, pinKeyword)
		}
		r.pinned++
		return r.chain(fields[2], fields[3])
	case len(fields) == 0 || strings.HasPrefix(fields[0], "#"):
		return nil
	}
	// Some readers cut a line here, others do not.
	if strings.Contains(line, "#") {
		return errors.New("a comment has a line of its own")
	}
	if r.quorum != "" {
		return errors.New("quorum is the last line")
	}
	switch keyword, rest := fields[0], fields[1:]; {
	case keyword == "log" && len(rest) == 2 && !strings.Contains(rest[0], "+"):
		return r.chain(rest[0], rest[1])
	case keyword == "log" && (len(rest) == 1 || len(rest) == 2):
		r.logs = append(r.logs, rest[0])
		return nil
	case keyword == "witness" && (len(rest) == 2 || len(rest) == 3):
		return r.witness(rest)
	case keyword == "group" && len(rest) >= 3:
		return r.group(rest[0], rest[1], rest[2:])
	case keyword == "quorum" && len(rest) == 1:
		r.quorum = rest[0]
		return nil
	default:
		return fmt.Errorf("%.40q is not `log KEY [URL]`, `log TOKEN ID`, `witness NAME KEY [URL]`, `group NAME COUNT NAMES` or `quorum NAME`", line)
	}
}

func (r *policyReader) chain(token, id string) error {
	hash, err := chain.ParseHash(id)
	r.chains = append(r.chains, Chain{Token: token, ID: hash})
	return err
}

func (r *policyReader) witness(fields []string) error {
	key, err := ParseVerifierKey(fields[1])
	if err != nil {
		return err
	}
	c := Cosigner{Name: fields[0], Key: key}
	if len(fields) == 3 && fields[2] != noURL {
		c.URL = fields[2]
	}
	switch {
	case r.find(c.Name) >= 0:
		return fmt.Errorf("%.80q is there twice", c.Name)
	case len(r.cosigners) == 2*MaxCosigners:
		return fmt.Errorf("more than %d cosigners", 2*MaxCosigners)
	}
	r.cosigners = append(r.cosigners, c)
	return nil
}

func (r *policyReader) find(name string) int {
	return slices.IndexFunc(r.cosigners, func(c Cosigner) bool { return c.Name == name })
}

func (r *policyReader) group(name, count string, names []string) error {
	_, twice := r.groups[name]
	switch {
	case name != groupMembers && name != groupWitnesses && name != groupBoth:
		return fmt.Errorf("the groups are %s, %s and %s, not %.40q", groupMembers, groupWitnesses, groupBoth, name)
	case twice:
		return fmt.Errorf("group %s is there twice", name)
	case len(names) > MaxCosigners:
		return fmt.Errorf("group %s has %d names, at most %d", name, len(names), MaxCosigners)
	}
	needed, err := parseThreshold(count, len(names))
	if name == groupBoth && (needed != 2 || !slices.Equal(names, []string{groupMembers, groupWitnesses})) {
		return fmt.Errorf("the group is to be `group %s all %s %s`, once", groupBoth, groupMembers, groupWitnesses)
	}
	r.groups[name] = group{names, needed}
	return err
}

func parseThreshold(count string, of int) (int, error) {
	switch count {
	case "any":
		return 1, nil
	case "all":
		return of, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || strconv.Itoa(n) != count || n < 1 || n > of {
		return 0, fmt.Errorf("%.20q of %d is no count", count, of)
	}
	return n, nil
}

// policy puts the lines together.
func (r *policyReader) policy() (*Policy, error) {
	_, witnessed := r.groups[groupWitnesses]
	_, both := r.groups[groupBoth]
	want := groupMembers
	if witnessed || both {
		want = groupBoth
	}
	if r.quorum != want || both != witnessed {
		return nil, fmt.Errorf("%w: the quorum is to be over all groups: `quorum %s`", ErrPolicy, want)
	}
	members, err := r.take(groupMembers)
	if err != nil {
		return nil, err
	}
	witnesses, err := r.take(groupWitnesses)
	if err != nil {
		return nil, err
	}
	if len(members)+len(witnesses) < len(r.cosigners) {
		return nil, fmt.Errorf("%w: somebody is in no group", ErrPolicy)
	}
	p, err := NewPolicy(members, r.groups[groupMembers].needed, witnesses, r.groups[groupWitnesses].needed, r.chains...)
	if err != nil {
		return nil, err
	}
	return p, r.checkLogs(p)
}

// checkLogs checks that there are either no log keys, or those of all members for
// the one chain that is named: others may not understand by a policy what we do not.
func (r *policyReader) checkLogs(p *Policy) error {
	if r.pinned == 0 && len(r.logs) == 0 {
		return nil
	}
	if r.pinned != 1 || len(r.chains) != 1 {
		return fmt.Errorf("%w: with lines `log KEY` goes one line `# %s TOKEN ID`", ErrPolicy, pinKeyword)
	}
	var own []string
	for _, line := range p.logLines() {
		own = append(own, strings.Fields(line)[1])
	}
	if !slices.Equal(slices.Sorted(slices.Values(r.logs)), slices.Sorted(slices.Values(own))) {
		return fmt.Errorf("%w: the lines `log` are not the log keys of all members for %s", ErrPolicy, Origin(p.chains[0].Token, p.chains[0].ID))
	}
	return nil
}

// take finds the cosigners of a group; NewPolicy refuses one named twice.
func (r *policyReader) take(group string) (cosigners []Cosigner, err error) {
	for _, name := range r.groups[group].names {
		i := r.find(name)
		if i < 0 {
			return nil, fmt.Errorf("%w: nobody is called %.80q", ErrPolicy, name)
		}
		cosigners = append(cosigners, r.cosigners[i])
	}
	return cosigners, nil
}
