package witness

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// request is the body of add-checkpoint (c2sp.org/tlog-witness).
type request struct {
	old  uint64       // size of the checkpoint that the witness has; 0: none
	path []chain.Hash // from there to the new one
	note []byte       // the new one, signed
}

const oldPrefix = "old "

func (q *request) encode() []byte {
	body := append(strconv.AppendUint([]byte(oldPrefix), q.old, 10), '\n')
	for _, h := range q.path {
		body = append(base64.StdEncoding.AppendEncode(body, h[:]), '\n')
	}
	return append(append(body, '\n'), q.note...)
}

// decodeRequest reads a request in its one spelling. What the note is is for
// others to say.
func decodeRequest(body []byte) (q request, err error) {
	head, note, found := bytes.Cut(body, []byte("\n\n"))
	if !found {
		return q, fmt.Errorf("there is no blank line before the checkpoint")
	}
	lines := strings.SplitN(string(head), "\n", maxHashes+2)
	if len(lines) > maxHashes+1 {
		return q, fmt.Errorf("more than %d hashes", maxHashes)
	}
	if q.old, err = decodeOld(lines[0]); err != nil {
		return q, err
	}
	for _, line := range lines[1:] {
		h, err := decodeHash(line)
		if err != nil {
			return q, err
		}
		q.path = append(q.path, h)
	}
	q.note = note
	return q, nil
}

func decodeOld(line string) (uint64, error) {
	digits, found := strings.CutPrefix(line, oldPrefix)
	size, err := decodeSize(digits)
	if !found || err != nil {
		return 0, fmt.Errorf("%.40q is not the line of the old size", line)
	}
	return size, nil
}

// decodeSize reads a decimal number in its one spelling.
func decodeSize(digits string) (uint64, error) {
	size, err := strconv.ParseUint(digits, 10, 64)
	if err == nil && strconv.FormatUint(size, 10) != digits {
		err = strconv.ErrSyntax
	}
	return size, err
}

func decodeHash(line string) (h chain.Hash, err error) {
	raw, err := base64.StdEncoding.DecodeString(line)
	if err != nil || len(raw) != len(h) || base64.StdEncoding.EncodeToString(raw) != line {
		return h, fmt.Errorf("%.60q is not a hash in base64", line)
	}
	return chain.Hash(raw), nil
}
