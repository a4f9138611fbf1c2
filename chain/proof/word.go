package proof

import "fmt"

// CheckLine checks one signature, as Cosign returns it, over the text of a
// checkpoint.
func (k VerifierKey) CheckLine(body []byte, line string) error {
	s, err := parseLine(line)
	if err != nil {
		return err
	}
	if s.name != k.name || s.id != k.id {
		return fmt.Errorf("%w: by %.80q, not by %s", ErrSignature, s.name, k.name)
	}
	_, err = k.check(body, s.bytes)
	return err
}
