package proof

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"
)

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

// signedText is a note taken apart, none of its signatures verified.
type signedText struct {
	body       []byte
	signatures []signature
}

// parseNote reads a note of at most limit bytes, whatever its text says.
// Everything below the text has one spelling, so no byte of it can change and
// leave the note what it was.
func parseNote(note []byte, limit int) (signedText, error) {
	if err := bounded(note, limit); err != nil {
		return signedText{}, err
	}
	end := bytes.Index(note, []byte("\n\n"))
	if end < 0 || note[len(note)-1] != '\n' {
		return signedText{}, fmt.Errorf("%w: it is a text, a blank line and lines of signatures", ErrNote)
	}
	n := signedText{body: note[:end+1]}
	if len(note) == end+2 {
		return n, fmt.Errorf("%w: it has no signature", ErrNote)
	}
	for line := range strings.SplitSeq(string(note[end+2:len(note)-1]), "\n") {
		s, err := parseLine(line)
		if err != nil {
			return n, err
		}
		if len(n.signatures) == maxSignatures {
			return n, fmt.Errorf("%w: more than %d signatures", ErrTooLarge, maxSignatures)
		}
		n.signatures = append(n.signatures, s)
	}
	return n, nil
}

// AssembleNote puts signatures, as Cosign returns them, below the text of a
// checkpoint or a handover. It checks the form of all of it and no signature:
// that is for Policy.CheckLine before and Policy.Verify or History.Add after.
func AssembleNote(body []byte, lines ...string) ([]byte, error) {
	note := append(bytes.Clone(body), '\n')
	for _, line := range lines {
		note = append(append(note, line...), '\n')
	}
	var err error
	if isHandover(body) {
		_, _, err = parseHandoverNote(note)
	} else {
		_, err = ReadCheckpoint(note)
	}
	if err != nil {
		return nil, err
	}
	return note, nil
}
