package proof

import (
	"bytes"
	"fmt"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// EvidenceSuffix ends the name of an evidence file.
const EvidenceSuffix = ".evidence.json"

// evidenceFormat is what an evidence file says it is.
const evidenceFormat = "bpsc/evidence/v1"

// Marshal writes e as a file: one line of canonical JSON.
func (e *Equivocation) Marshal() []byte {
	dst := pyjson.AppendString([]byte(`{"a": `), string(e.A))
	dst = pyjson.AppendString(append(dst, `, "b": `...), string(e.B))
	dst = append(dst, `, "format": "`+evidenceFormat+`", "path": `...)
	dst = appendPath(dst, e.Path)
	dst = e.Root.AppendHex(append(dst, `, "root": "`...))
	return append(dst, "\"}\n"...)
}

// ParseEvidence reads evidence in its one spelling and verifies nothing.
// Errors wrap ErrEmpty, ErrTooLarge or ErrEvidence.
func ParseEvidence(data []byte) (*Equivocation, error) {
	if err := bounded(data, MaxEvidenceBytes); err != nil {
		return nil, err
	}
	e := &Equivocation{}
	s := pyjson.NewScanner(data)
	err := s.Object(func(key string) (err error) {
		var text string
		switch key {
		case "a":
			text, err = s.String()
			e.A = []byte(text)
		case "b":
			text, err = s.String()
			e.B = []byte(text)
		case "format":
			if text, err = s.String(); err == nil && text != evidenceFormat {
				err = fmt.Errorf("it is %.40q, not %s", text, evidenceFormat)
			}
		case "path":
			e.Path, err = scanPath(s, maxPath)
		case "root":
			e.Root, err = scanHash(s)
		}
		return err
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrEvidence, err)
	case !bytes.Equal(e.Marshal(), data):
		return nil, fmt.Errorf("%w: it is not canonical %s", ErrEvidence, evidenceFormat)
	}
	return e, nil
}
