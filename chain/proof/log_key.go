package proof

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
)

// algLog marks keys of plain Ed25519 signatures (c2sp.org/signed-note), which are
// those of logs.
const algLog = 0x01

// Log is the key by which a member speaks for the log of an origin, as a signed
// note's vkey: the same key under the log's name and with another type, and so
// with another id. What is signed with either begins so that it is never the
// other: `cosignature/v1`, or an origin of ours.
func (k VerifierKey) Log(origin string) string {
	return fmt.Sprintf("%s+%08x+%s", origin, k.logID(origin), base64.StdEncoding.EncodeToString(k.logMaterial()))
}

func (k VerifierKey) logMaterial() []byte { return append([]byte{algLog}, k.public[:]...) }

// logID tells the log keys of the members apart, which have one name.
func (k VerifierKey) logID(origin string) uint32 { return keyID(origin, k.logMaterial()) }

// SignAsLog puts the log's own signature, by one member, above those of a signed
// checkpoint. It convinces nobody of anything a majority has not signed; readers of
// c2sp.org/tlog-checkpoint and its witnesses ask for it. Who calls it answers for
// never signing two that contradict each other.
func SignAsLog(note []byte, key SigningKey) ([]byte, error) {
	c, n, err := parseCheckpointNote(note)
	if err != nil {
		return nil, err
	}
	s := signature{name: c.Origin, id: key.verifier.logID(c.Origin), bytes: ed25519.Sign(key.private, n.body)}
	signed := slices.Concat(n.body, []byte("\n"+s.line()+"\n"), note[len(n.body)+1:])
	_, err = ReadCheckpoint(signed)
	return signed, err
}

// asLog finds which members of the policy signed a checkpoint as its log, by their
// names. One wrong signature spoils the note, as in count.
func (p *Policy) asLog(origin string, n *signedText) (names []string, err error) {
	for _, s := range n.signatures {
		if s.name != origin {
			continue
		}
		for _, m := range p.cosigners[:p.members] {
			if m.Key.logID(origin) != s.id || slices.Contains(names, m.Name) {
				continue
			}
			if !ed25519.Verify(m.Key.public[:], n.body, s.bytes) {
				return nil, fmt.Errorf("%w: %s as the log", ErrSignature, m.Name)
			}
			names = append(names, m.Name)
		}
	}
	return names, nil
}

// logLines are the lines `log` of a policy that names one chain, in the members'
// order.
func (p *Policy) logLines() (lines []string) {
	origin := Origin(p.chains[0].Token, p.chains[0].ID)
	for _, m := range p.cosigners[:p.members] {
		line := "log " + m.Key.Log(origin)
		if m.URL != "" { // below it are checkpoint and tile/, as in c2sp.org/tlog-tiles
			if prefix, err := url.JoinPath(m.URL, "v1/contracts", p.chains[0].Token); err == nil {
				line += " " + prefix
			}
		}
		lines = append(lines, line)
	}
	return lines
}
