package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// policy is the lines of a policy file (c2sp.org/tlog-policy), whose groups may
// be nested in any way, and the keys in it.
type policy struct {
	lines     [][]string
	witnesses []note.Verifier
	origins   []string // none: any
}

func parsePolicy(text string) (*policy, error) {
	p := &policy{}
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0 || f[0][0] == '#':
			continue
		case f[0] == "log" && len(f) == 3 && len(f[2]) == 64: // as 0.1.0 wrote it
			p.origins = append(p.origins, "bpsc/"+f[1]+"/"+f[2][:16])
		case f[0] == "log" && (len(f) == 2 || len(f) == 3):
			key, err := note.NewVerifier(f[1])
			if err != nil {
				return nil, fmt.Errorf("%q: %w", line, err)
			}
			p.origins = append(p.origins, key.Name())
		case f[0] == "witness" && len(f) >= 3:
			key, err := parseKey(f[2])
			if err != nil || slices.ContainsFunc(p.witnesses, func(w note.Verifier) bool { return w.(*cosigner).key.Equal(key.key) }) {
				return nil, fmt.Errorf("%q: a key of its own is expected", line)
			}
			p.witnesses = append(p.witnesses, key)
		case f[0] == "group" && len(f) >= 4, f[0] == "quorum" && len(f) == 2:
		default:
			return nil, fmt.Errorf("%q is not understood", line)
		}
		p.lines = append(p.lines, f)
	}
	return p, nil
}

// logKeys are those of the log itself: each member's own key under the log's name.
func (p *policy) logKeys(origin string) (keys []note.Verifier) {
	names, _ := p.members()
	for _, f := range p.lines {
		if f[0] != "witness" || !slices.Contains(names, f[1]) {
			continue
		}
		member, _ := parseKey(f[2])
		vkey, err := note.NewEd25519VerifierKey(origin, member.key)
		if err != nil {
			continue
		}
		if key, err := note.NewVerifier(vkey); err == nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// quorum tells whether those who signed satisfy the policy, and who of it they
// are. A line speaks only of names on the lines before.
func (p *policy) quorum(signed func(vkey string) bool) (names []string, ok bool) {
	said := map[string]bool{}
	for _, f := range p.lines {
		switch f[0] {
		case "witness":
			if said[f[1]] = signed(f[2]); said[f[1]] {
				names = append(names, f[1])
			}
		case "group":
			have, children := 0, slices.Compact(slices.Sorted(slices.Values(f[3:])))
			for _, child := range children {
				if said[child] {
					have++
				}
			}
			needed, err := strconv.Atoi(strings.NewReplacer("any", "1", "all", strconv.Itoa(len(f)-3)).Replace(f[2]))
			said[f[1]] = err == nil && needed >= 1 && have >= needed
		case "quorum":
			ok = said[f[1]]
		}
	}
	return names, ok
}

// cosigner verifies timestamped cosignatures (c2sp.org/tlog-cosignature).
type cosigner struct {
	name string
	hash uint32
	key  ed25519.PublicKey
}

func parseKey(vkey string) (*cosigner, error) {
	name, rest, _ := strings.Cut(vkey, "+")
	hash, encoded, _ := strings.Cut(rest, "+")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	sum := sha256.Sum256(append([]byte(name+"\n"), raw...))
	if err != nil || len(raw) != 33 || raw[0] != 4 || hash != fmt.Sprintf("%x", sum[:4]) {
		return nil, errors.New("not a cosigner's key")
	}
	return &cosigner{name, binary.BigEndian.Uint32(sum[:]), raw[1:]}, nil
}

func (c *cosigner) Name() string    { return c.name }
func (c *cosigner) KeyHash() uint32 { return c.hash }

func (c *cosigner) Verify(text, sig []byte) bool {
	if len(sig) != 8+ed25519.SignatureSize {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	signed := fmt.Sprintf("cosignature/v1\ntime %d\n%s", at, text)
	return at >= 1 && at <= 1<<33 && ed25519.Verify(c.key, []byte(signed), sig[8:])
}
