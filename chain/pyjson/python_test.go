package pyjson_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// program prints the canonical text of each line it reads.
const program = `
import json, sys
for line in sys.stdin.buffer:
    print(json.dumps(json.loads(line), sort_keys=True))
`

// TestPython asks Python itself.
func TestPython(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here")
	}
	const seed, count = 1, 5000
	r := random{rand.New(rand.NewPCG(seed, seed))}
	var in bytes.Buffer
	for range count {
		r.value(&in, 0)
		in.WriteByte('\n')
	}
	lines := bytes.Split(bytes.TrimSuffix(in.Bytes(), []byte("\n")), []byte("\n"))

	cmd := exec.Command(python, "-c", program)
	cmd.Stdin = bytes.NewReader(in.Bytes())
	cmd.Stderr = t.Output()
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	wants := bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n"))
	if len(lines) != count || len(wants) != count {
		t.Fatalf("%d texts, %d answers", len(lines), len(wants))
	}
	for i, line := range lines {
		got, err := pyjson.Canonical(line)
		if err != nil || !bytes.Equal(got, wants[i]) {
			t.Fatalf("%s:\n   got %s (%v)\npython %s", line, got, err, wants[i])
		}
	}
}

// random writes JSON texts in all the ways there are to write them, each on one
// line.
type random struct{ *rand.Rand }

func (r random) value(b *bytes.Buffer, depth int) {
	kind := r.IntN(9)
	if depth > 4 {
		kind = r.IntN(7)
	}
	switch kind {
	case 0:
		b.WriteString([]string{"true", "false", "null"}[r.IntN(3)])
	case 1, 2:
		r.integer(b)
	case 3, 4:
		r.float(b)
	case 5, 6:
		r.text(b)
	case 7:
		r.list(b, '[', ']', func(int) { r.value(b, depth+1) })
	case 8:
		r.list(b, '{', '}', func(i int) {
			r.key(b, i)
			r.value(b, depth+1)
		})
	}
}

func (r random) list(b *bytes.Buffer, open, close byte, item func(i int)) {
	b.WriteByte(open)
	for i := range r.IntN(6) {
		if i > 0 {
			b.WriteByte(',')
		}
		r.space(b)
		item(i)
		r.space(b)
	}
	b.WriteByte(close)
}

// key ends in a character of its own for each index, so that no key comes twice.
func (r random) key(b *bytes.Buffer, i int) {
	r.text(b)
	b.Truncate(b.Len() - 1)
	fmt.Fprintf(b, "%c\"", []rune("aé\ue000\uffee😀\u007f")[i])
	r.space(b)
	b.WriteByte(':')
}

func (r random) space(b *bytes.Buffer) {
	b.WriteString([]string{"", "", " ", "\t", "\r "}[r.IntN(5)])
}

func (r random) integer(b *bytes.Buffer) {
	switch r.IntN(4) {
	case 0:
		b.WriteString([]string{"0", "-0", "-1", "10"}[r.IntN(4)])
	case 1:
		fmt.Fprint(b, r.IntN(1000)-500)
	case 2:
		fmt.Fprint(b, int64(r.Uint64()))
	case 3:
		b.WriteString("7" + strings.Repeat("31", r.IntN(60)))
	}
}

func (r random) float(b *bytes.Buffer) {
	f := math.Float64frombits(r.Uint64())
	for math.IsNaN(f) || math.IsInf(f, 0) {
		f = math.Float64frombits(r.Uint64())
	}
	switch r.IntN(5) {
	case 0:
		fmt.Fprintf(b, "%.17e", f/4) // rounding up must not overflow
	case 1:
		fmt.Fprintf(b, "%.3f", r.NormFloat64()*1e6)
	case 2:
		fmt.Fprintf(b, "%dE%+d", r.IntN(2000)-1000, r.IntN(600)-350)
	case 3:
		fmt.Fprintf(b, "%d.%de%d", r.IntN(10), r.IntN(1000), r.IntN(50)-25)
	case 4:
		b.WriteString([]string{"-0.0", "0e0", "1e16", "1e-4", "1.0E-5", "123456789012345678.0", "5e-324"}[r.IntN(7)])
	}
}

func (r random) text(b *bytes.Buffer) {
	pieces := []string{
		"plain text", "0123456789abcdef", "a", "é", "字", "😀", "\u2028", "\ufffd", "\uffff", "\u007f", "\u0080",
		`\u0000`, `\u001F`, `\u00e9`, `\uD83D\uDe00`, `\uffff`, `\/`, `\"`, `\\`, `\b`, `\f`, `\n`, `\r`, `\t`, `\u0041`,
	}
	b.WriteByte('"')
	for range r.IntN(6) {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	b.WriteByte('"')
}
