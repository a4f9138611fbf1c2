package port

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/internal/identity"
)

// readSized reads what stands behind its length, a number of so many bytes.
func readSized(r io.Reader, width, limit int, what string) ([]byte, error) {
	length := make([]byte, 2)
	if _, err := io.ReadFull(r, length[2-width:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length))
	if n > limit {
		return nil, fmt.Errorf("%s of %d bytes", what, n)
	}
	b := make([]byte, n)
	_, err := io.ReadFull(r, b)
	return b, err
}

func readName(r io.Reader) (string, error) {
	text, err := readSized(r, 1, maxNameBytes, "a member's identity")
	if err != nil {
		return "", err
	}
	name, err := identity.Parse(string(text))
	return string(name), err
}

func readPosition(r io.Reader) (position memory.Position, err error) {
	text, err := readSized(r, 2, maxPositionBytes, "a position")
	if err != nil {
		return position, err
	}
	return position, json.Unmarshal(text, &position)
}

func appendPosition(b []byte, position memory.Position) []byte {
	text, err := json.Marshal(position)
	if err != nil {
		panic(err) // numbers only
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}
