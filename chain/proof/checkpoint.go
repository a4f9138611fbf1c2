package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/transparency-dev/formats/log"

	"github.com/bpsc/bpsc/chain"
)

// Checkpoint says what a log is at one moment (c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string     // which chain: see Origin
	Size   uint64     // blocks, 1 to MaxSize
	Root   chain.Hash // RFC 6962 root over the leaves
}

// originPrefix begins the origin of every log of ours.
const originPrefix = "bpsc"

// originDigits is how much of a chain's id its origin carries. 64 bits are
// enough: a token has one chain in a cluster, so nobody can look for two
// contracts that share them.
const originDigits = 16

// Origin names the log of a chain: bpsc/<token>/<first 16 hex digits of id>,
// id being the hash of the genesis block.
func Origin(token string, id chain.Hash) string {
	return originPrefix + "/" + token + "/" + id.String()[:originDigits]
}

// ParseOrigin splits what Origin made.
func ParseOrigin(origin string) (token, digits string, err error) {
	prefix, rest, _ := strings.Cut(origin, "/")
	token, digits, _ = strings.Cut(rest, "/")
	if prefix != originPrefix || !validToken(token) || len(digits) != originDigits || !only(digits, "0123456789abcdef") {
		return "", "", fmt.Errorf("%w: origin %.80q is not bpsc/token/id", ErrCheckpoint, origin)
	}
	return token, digits, nil
}

// Body is the text that is signed: origin, size and root, a line each.
func (c Checkpoint) Body() []byte {
	return log.Checkpoint{Origin: c.Origin, Size: c.Size, Hash: c.Root[:]}.Marshal()
}

// ParseCheckpoint reads the text of a checkpoint in its one spelling. There
// are no extension lines: nobody would agree on what they mean.
func ParseCheckpoint(body []byte) (Checkpoint, error) {
	if err := bounded(body, MaxNoteBytes); err != nil {
		return Checkpoint{}, err
	}
	var text log.Checkpoint
	rest, err := text.Unmarshal(body)
	switch {
	case err != nil:
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	case len(rest) > 0:
		return Checkpoint{}, fmt.Errorf("%w: it has more than three lines", ErrCheckpoint)
	case len(text.Hash) != len(chain.Hash{}):
		return Checkpoint{}, fmt.Errorf("%w: a root of %d bytes", ErrCheckpoint, len(text.Hash))
	case text.Size < 1 || text.Size > MaxSize:
		return Checkpoint{}, fmt.Errorf("%w: %w: %d blocks", ErrCheckpoint, ErrSize, text.Size)
	}
	if _, _, err := ParseOrigin(text.Origin); err != nil {
		return Checkpoint{}, err
	}
	c := Checkpoint{Origin: text.Origin, Size: text.Size, Root: chain.Hash(text.Hash)}
	if !bytes.Equal(c.Body(), body) {
		return Checkpoint{}, fmt.Errorf("%w: it has another spelling", ErrCheckpoint)
	}
	return c, nil
}

// validToken tells whether a contract may have this token.
func validToken(token string) bool {
	return token != "" && len(token) <= chain.MaxTokenBytes && only(token, "abcdefghijklmnopqrstuvwxyz0123456789-")
}

// only tells whether text has no other characters than those allowed.
func only(text, allowed string) bool {
	return strings.Trim(text, allowed) == ""
}

// signature is one line below a note's text (c2sp.org/signed-note).
type signature struct {
	name  string
	id    uint32
	bytes []byte
}

// linePrefix begins a signature's line: an em dash and a space.
const linePrefix = "— "

// line is s without its newline.
func (s *signature) line() string {
	raw := append(binary.BigEndian.AppendUint32(nil, s.id), s.bytes...)
	return linePrefix + s.name + " " + base64.StdEncoding.EncodeToString(raw)
}

// parseLine reads a signature's line in its one spelling. The key need not be
// known, nor its kind.
func parseLine(line string) (signature, error) {
	rest, found := strings.CutPrefix(line, linePrefix)
	if !found {
		return signature{}, fmt.Errorf("%w: %.40q is not a signature", ErrTrailing, line)
	}
	name, encoded, _ := strings.Cut(rest, " ")
	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(raw) < 5 || !validKeyName(name) {
		return signature{}, fmt.Errorf("%w: the signature of %.40q cannot be read", ErrNote, name)
	}
	s := signature{name: name, id: binary.BigEndian.Uint32(raw), bytes: raw[4:]}
	if s.line() != line {
		return signature{}, fmt.Errorf("%w: the signature of %q has another spelling", ErrNote, name)
	}
	return s, nil
}

// signedCheckpoint is a note taken apart, none of its signatures verified.
type signedCheckpoint struct {
	checkpoint Checkpoint
	body       []byte
	signatures []signature
}

// parseNote reads a signed checkpoint. Everything in it has one spelling, so
// no byte can change and leave it what it was.
func parseNote(note []byte) (signedCheckpoint, error) {
	if err := bounded(note, MaxNoteBytes); err != nil {
		return signedCheckpoint{}, err
	}
	end := bytes.Index(note, []byte("\n\n"))
	if end < 0 || note[len(note)-1] != '\n' {
		return signedCheckpoint{}, fmt.Errorf("%w: it is a text, a blank line and lines of signatures", ErrNote)
	}
	n := signedCheckpoint{body: note[:end+1]}
	var err error
	if n.checkpoint, err = ParseCheckpoint(n.body); err != nil {
		return signedCheckpoint{}, err
	}
	if len(note) == end+2 {
		return signedCheckpoint{}, fmt.Errorf("%w: it has no signature", ErrNote)
	}
	for line := range strings.SplitSeq(string(note[end+2:len(note)-1]), "\n") {
		s, err := parseLine(line)
		if err != nil {
			return signedCheckpoint{}, err
		}
		if len(n.signatures) == maxSignatures {
			return signedCheckpoint{}, fmt.Errorf("%w: more than %d signatures", ErrTooLarge, maxSignatures)
		}
		n.signatures = append(n.signatures, s)
	}
	return n, nil
}

// AssembleNote puts signatures, as Cosign returns them, below the text of a
// checkpoint. It checks the form of all of it and no signature: that is for
// Policy.CheckLine before and Policy.Verify after.
func AssembleNote(body []byte, lines ...string) ([]byte, error) {
	note := append(bytes.Clone(body), '\n')
	for _, line := range lines {
		note = append(append(note, line...), '\n')
	}
	if _, err := parseNote(note); err != nil {
		return nil, err
	}
	return note, nil
}

// ReadCheckpoint returns the checkpoint in a note whose signatures nobody has
// looked at yet: good for routing, never for trust.
func ReadCheckpoint(note []byte) (Checkpoint, error) {
	n, err := parseNote(note)
	return n.checkpoint, err
}
