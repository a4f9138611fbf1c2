package proof

import (
	"bytes"
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

// parseCheckpointNote reads a signed checkpoint.
func parseCheckpointNote(note []byte) (Checkpoint, signedText, error) {
	n, err := parseNote(note, MaxNoteBytes)
	if n.body == nil {
		return Checkpoint{}, signedText{}, err
	}
	c, bad := ParseCheckpoint(n.body)
	switch { // of a text that is none, its signatures say nothing
	case bad != nil:
		return Checkpoint{}, signedText{}, bad
	case err != nil:
		return Checkpoint{}, signedText{}, err
	}
	return c, n, nil
}

// ReadCheckpoint returns the checkpoint in a note whose signatures nobody has
// looked at yet: good for routing, never for trust.
func ReadCheckpoint(note []byte) (Checkpoint, error) {
	c, _, err := parseCheckpointNote(note)
	return c, err
}
