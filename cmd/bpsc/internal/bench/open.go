package bench

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/loadgen"
)

// The text of an open transfer, whose numbers are overwritten in place: all are as long.
// What has fewer places than six is sent as one token.
const (
	transferText  = `{"sender":"bench-000000","recipient":"bench-000000","amount":0.100000`
	oneTokenText  = `{"sender":"bench-000000","recipient":"bench-000000","amount":1       `
	senderAt      = len(`{"sender":"bench-`)
	recipientAt   = len(`{"sender":"bench-000000","recipient":"bench-`)
	amountAt      = len(`{"sender":"bench-000000","recipient":"bench-000000","amount":0.`)
	digits        = 6 // of each number
	transferBytes = len(transferText) + len("},")
)

// textOf is the text of a transfer in a contract.
func textOf(c *chain.Contract) string {
	if c.Decimals < digits {
		return oneTokenText
	}
	return transferText
}

// walletName is what a wallet of an open contract is called.
func walletName(n int) string { return fmt.Sprintf("bench-%0*d", digits, n) }

// fillTransfer draws a transfer into its text.
func fillTransfer(text []byte, p *picker) {
	sender, recipient := p.pair()
	putDigits(text[senderAt:senderAt+digits], sender)
	putDigits(text[recipientAt:recipientAt+digits], recipient)
	if text[amountAt-1] == '.' {
		putDigits(text[amountAt:amountAt+digits], p.amount())
	}
}

func putDigits(dst []byte, n int) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = byte('0' + n%10)
		n /= 10
	}
}

var (
	idField = []byte(`"id":"`)
	final   = []byte(`"status":"final"`)
)

// checkOne says what is wrong with the answer to a transaction.
func checkOne(body []byte, id [sha256.Size]byte) error {
	var want [2 * sha256.Size]byte
	hex.Encode(want[:], id[:])
	at := bytes.Index(body, idField)
	switch {
	case at < 0 || !bytes.HasPrefix(body[at+len(idField):], want[:]):
		return fmt.Errorf("the id is not %s", want[:])
	case !bytes.Contains(body, final):
		return errors.New("the transfer is not final")
	}
	return nil
}

// What an item of a batch says that is not final for a reason that lies in the cluster.
var (
	statusUnknown = []byte(`"status":"unknown"`)
	notApplied    = []byte(`"status":"not_applied"`)
	codeField     = []byte(`"code":"`)
)

// checkBatch says what is wrong with the answer to a batch. One that is not final as a whole
// for a reason that lies in the cluster is a failure, of which a part may have been done.
func checkBatch(body []byte, want int) error {
	n := bytes.Count(body, final)
	if n == want {
		return nil
	}
	if unknown := bytes.Contains(body, statusUnknown); unknown || bytes.Contains(body, notApplied) {
		code := "unknown"
		if at := bytes.Index(body, codeField); at >= 0 {
			text, _, _ := bytes.Cut(body[at+len(codeField):], []byte{'"'})
			code = string(text)
		}
		return &loadgen.Failure{Code: code, Effect: unknown || n > 0}
	}
	return fmt.Errorf("%d of %d transfers are final", n, want)
}

// singleSource makes requests with one open transfer each, in one buffer.
type singleSource struct {
	pick    *picker
	request []byte
	key     []byte // within request
	body    []byte // within request
	count   uint64
}

// keyDigits is the length of the part of an idempotency key that counts.
const keyDigits = 12

// keyOf begins the keys of a connection in a row.
func keyOf(run string, row, connection int) string {
	return fmt.Sprintf("%s-%d-%d-", run, row, connection)
}

func newSingleSource(head, key, transfer string, payload int, p *picker) *singleSource {
	body := transfer + "}"
	if more := payload - len(body) - len(`,"memo":""`); more > 0 {
		body = transfer + `,"memo":"` + strings.Repeat("m", min(more, chain.MaxMemoBytes)) + `"}`
	}
	key += strings.Repeat("0", keyDigits)
	head += "Content-Length: " + strconv.Itoa(len(body)) + "\r\nIdempotency-Key: "
	s := &singleSource{pick: p, request: []byte(head + key + "\r\n\r\n" + body)}
	s.key = s.request[len(head) : len(head)+len(key)]
	s.body = s.request[len(s.request)-len(body):]
	return s
}

func (s *singleSource) Next() []byte {
	s.count++
	putDigits(s.key[len(s.key)-keyDigits:], int(s.count))
	fillTransfer(s.body, s.pick)
	return s.request
}

func (s *singleSource) Check(_ int, body []byte) error {
	return checkOne(body, sha256.Sum256(s.key))
}

// batchSource sends a few batches again and again: their transfers have no keys, so each time
// they are new.
type batchSource struct {
	batch    int
	requests [][]byte
	next     int
}

func newBatchSource(head, transfer string, batch, kept int, p *picker) *batchSource {
	s := &batchSource{batch: batch}
	for range kept {
		var body []byte
		body = append(body, `{"transactions":[`...)
		for range batch {
			at := len(body)
			body = append(body, transfer+"},"...)
			fillTransfer(body[at:], p)
		}
		body = append(body[:len(body)-1], `]}`...)
		s.requests = append(s.requests, appendRequest(nil, head, body))
	}
	return s
}

// appendRequest completes a head with its body.
func appendRequest(dst []byte, head string, body []byte) []byte {
	dst = append(append(dst, head...), "Content-Length: "...)
	dst = strconv.AppendInt(dst, int64(len(body)), 10)
	return append(append(dst, "\r\n\r\n"...), body...)
}

func (s *batchSource) Next() []byte {
	s.next++
	return s.requests[s.next%len(s.requests)]
}

func (s *batchSource) Check(_ int, body []byte) error { return checkBatch(body, s.batch) }
