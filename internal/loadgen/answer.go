package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Bounds of an answer.
const (
	firstBuffer = 4 << 10  // most answers; it grows for larger ones, and stays so
	maxAnswer   = 64 << 20 // a batch's largest, many times over
)

// answer is one, as far as it matters.
type answer struct {
	status     int
	body       []byte
	retryAfter time.Duration // what the server asks to wait; 0 where it does not say
	closes     bool          // the server closes the connection after it
	failure    *Failure      // what its body says
}

var (
	errForm     = errors.New("not an HTTP/1.1 answer with a length")
	headerEnd   = []byte("\r\n\r\n")
	lengthField = []byte("\r\nContent-Length: ") // as Go's servers write it
	closeField  = []byte("\r\nConnection: close\r\n")
)

// parse reads an answer from what has come. size is how long all of it is, 0 while that is not known.
func parse(text []byte) (a answer, size int, err error) {
	head := bytes.Index(text, headerEnd)
	if head < 0 {
		return a, 0, nil
	}
	if head < len("HTTP/1.1 200") || !bytes.HasPrefix(text, []byte("HTTP/1.1 ")) {
		return a, 0, errForm
	}
	if a.status, err = strconv.Atoi(string(text[9:12])); err != nil {
		return a, 0, errForm
	}
	header := text[:head+2]
	length, err := contentLength(header)
	if err != nil {
		return a, 0, err
	}
	size = head + len(headerEnd) + length
	if size > maxAnswer {
		return a, 0, fmt.Errorf("an answer of %d bytes, at most %d", size, maxAnswer)
	}
	if len(text) < size {
		return a, size, nil
	}
	a.body = text[head+len(headerEnd) : size]
	a.closes = bytes.Contains(header, closeField)
	if a.status/100 != 2 {
		a.retryAfter = retryAfter(header)
	}
	return a, size, nil
}

func contentLength(header []byte) (int, error) {
	var value []byte
	if at := bytes.Index(header, lengthField); at >= 0 {
		value, _, _ = bytes.Cut(header[at+len(lengthField):], []byte("\r\n"))
	} else {
		value = field(header, "Content-Length")
	}
	n := 0
	for _, c := range value {
		if c < '0' || c > '9' || n > maxAnswer {
			return 0, errForm
		}
		n = n*10 + int(c-'0')
	}
	if len(value) == 0 {
		return 0, errForm
	}
	return n, nil
}

// field is the value of a header, in whatever case its name is written.
func field(header []byte, name string) []byte {
	for line := range bytes.SplitSeq(header, []byte("\r\n")) {
		key, value, found := bytes.Cut(line, []byte(":"))
		if found && bytes.EqualFold(key, []byte(name)) {
			return bytes.TrimSpace(value)
		}
	}
	return nil
}

func retryAfter(header []byte) time.Duration {
	seconds, err := strconv.ParseUint(string(field(header, "Retry-After")), 10, 16)
	if err != nil {
		return 0
	}
	return time.Duration(seconds) * time.Second
}

// codeOf is the stable code of a problem (RFC 9457), or the status where it has none.
func codeOf(a *answer) string {
	const key = `"code":"`
	if at := bytes.Index(a.body, []byte(key)); at >= 0 {
		if code, _, found := bytes.Cut(a.body[at+len(key):], []byte{'"'}); found {
			return string(code)
		}
	}
	return strconv.Itoa(a.status)
}
