package pyjson_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/chain/pyjson"
)

type transferBody struct {
	sender, recipient, memo string
	amount                  int64
}

// scanTransfer decodes a known object the way the ledger's formats do.
func scanTransfer(s *pyjson.Scanner) (t transferBody, err error) {
	err = s.Object(func(key string) (err error) {
		switch key {
		case "sender":
			t.sender, err = s.String()
		case "recipient":
			t.recipient, err = s.String()
		case "memo":
			t.memo, err = s.String()
		case "amount":
			var token string
			if token, err = s.Number(); err == nil {
				t.amount, err = strconv.ParseInt(token, 10, 64)
			}
		}
		return err
	})
	return t, err
}

func TestScannerObject(t *testing.T) {
	s := pyjson.NewScanner([]byte(` {"other": [1, {"x": null}], "memo": "caf\u00e9",
		"amount": 1250, "sender": "alice", "no": false, "recipient": "bob"} `))
	got, err := scanTransfer(s)
	want := transferBody{"alice", "bob", "café", 1250}
	if err != nil || got != want {
		t.Fatalf("got %+v (%v), want %+v", got, err, want)
	}
	if err := s.End(); err != nil {
		t.Fatal(err)
	}
}

// TestScannerReads reads one value of every kind.
func TestScannerReads(t *testing.T) {
	src := `["a", -1.50, true, false, null, {"k": [1]}, [2]]`
	s := pyjson.NewScanner([]byte(src))
	var got []string
	note := func(v any, err error) error {
		got = append(got, fmt.Sprint(v))
		return err
	}
	err := s.Array(func(i int) error {
		got = append(got, fmt.Sprint(i, s.Peek()))
		switch s.Peek() {
		case pyjson.KindString:
			return note(s.String())
		case pyjson.KindNumber:
			return note(s.Number())
		case pyjson.KindBool:
			return note(s.Bool())
		case pyjson.KindNull:
			return note("-", s.Null())
		default:
			raw, err := s.Raw()
			return note(string(raw), err)
		}
	})
	want := []string{
		"0 string", "a", "1 number", "-1.50", "2 bool", "true", "3 bool", "false",
		"4 null", "-", "5 object", `{"k": [1]}`, "6 array", "[2]",
	}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q (%v)\nwant %q", got, err, want)
	}
	if s.Offset() != len(src) || s.Peek() != pyjson.KindInvalid || s.Peek().String() != "nothing" {
		t.Errorf("at %d of %d, then %s", s.Offset(), len(src), s.Peek())
	}
}

// TestScannerKind asks for one kind where another stands.
func TestScannerKind(t *testing.T) {
	ask := map[string]func(*pyjson.Scanner) error{
		"object": func(s *pyjson.Scanner) error { return s.Object(func(string) error { return nil }) },
		"array":  func(s *pyjson.Scanner) error { return s.Array(func(int) error { return nil }) },
		"string": func(s *pyjson.Scanner) error { _, err := s.String(); return err },
		"number": func(s *pyjson.Scanner) error { _, err := s.Number(); return err },
		"bool":   func(s *pyjson.Scanner) error { _, err := s.Bool(); return err },
		"null":   func(s *pyjson.Scanner) error { return s.Null() },
	}
	have := map[string]string{
		"object": "{}", "array": "[]", "string": `""`, "number": "1", "bool": "true", "null": "null",
	}
	for want, read := range ask {
		for kind, src := range have {
			err := read(pyjson.NewScanner([]byte(src)))
			if want == kind && err != nil || want != kind && !errors.Is(err, pyjson.ErrKind) {
				t.Errorf("%s as %s: %v", src, want, err)
			}
		}
		for _, src := range []string{"", "?", "NaN"} {
			if err := read(pyjson.NewScanner([]byte(src))); err == nil || errors.Is(err, pyjson.ErrKind) {
				t.Errorf("%q as %s: %v", src, want, err)
			}
		}
	}
}

// TestScannerStops checks that a caller's error ends the reading and comes back
// as it is.
func TestScannerStops(t *testing.T) {
	stop := errors.New("stop")
	calls := 0
	err := pyjson.NewScanner([]byte(`{"a": 1, "b": 2}`)).Object(func(string) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("object: %v after %d calls", err, calls)
	}
	err = pyjson.NewScanner([]byte(`[1, 2]`)).Array(func(int) error { calls++; return stop })
	if err != stop || calls != 2 {
		t.Errorf("array: %v after %d calls", err, calls-1)
	}
}

// TestScannerSkipsStrictly checks that a value nobody reads is still refused.
func TestScannerSkipsStrictly(t *testing.T) {
	for src, want := range map[string]error{
		`[{"a":1,"a":2}]`: pyjson.ErrDuplicateKey,
		`["\ud800"]`:      pyjson.ErrSurrogate,
		"[\"\xff\"]":      pyjson.ErrUTF8,
		`[[1e999]]`:       pyjson.ErrRange,
		`[tru]`:           pyjson.ErrSyntax,
		`[nul]`:           pyjson.ErrSyntax,
		`[1,]`:            pyjson.ErrSyntax,
		`[[1,NaN]]`:       pyjson.ErrNotFinite,

		nest("[", "]", pyjson.MaxDepth+1): pyjson.ErrDepth,
	} {
		s := pyjson.NewScanner([]byte(src))
		if err := s.Array(func(int) error { return nil }); !errors.Is(err, want) {
			t.Errorf("skipping %.40q: %v, want %v", src, err, want)
		}
		if raw, err := pyjson.NewScanner([]byte(src)).Raw(); !errors.Is(err, want) || raw != nil {
			t.Errorf("raw %.40q: %s (%v), want %v", src, raw, err, want)
		}
	}
}

// TestScannerDepth checks that brackets beside one another do not add up.
func TestScannerDepth(t *testing.T) {
	src := "[" + strings.Repeat("[{}],", 1000) + "{}]"
	if _, err := pyjson.Canonical([]byte(src)); err != nil {
		t.Fatal(err)
	}
}

// TestScannerKeysLast checks that keys and strings outlive the scanner's buffers.
func TestScannerKeysLast(t *testing.T) {
	src := []byte(`{"a\n": "v\t1", "b\n": "v\t2", "` + strings.Repeat("k", 100) + `": "v"}`)
	s := pyjson.NewScanner(src)
	var got []string
	err := s.Object(func(key string) error {
		v, err := s.String()
		got = append(got, key, v)
		return err
	})
	clear(src)
	want := []string{"a\n", "v\t1", "b\n", "v\t2", strings.Repeat("k", 100), "v"}
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("got %q (%v)", got, err)
	}
}

// TestAllocations holds the promises the hot path relies on.
func TestAllocations(t *testing.T) {
	buf := make([]byte, 0, 1024)
	wide := []byte(`{"a": "plain", "b": [1.5, "日本", true, null, {"a": 0}]}`)
	for name, c := range map[string]struct {
		want float64
		run  func()
	}{
		"append string": {0, func() { buf = pyjson.AppendString(buf[:0], "a\n\u00e9😀 and plain text") }},
		"append float":  {0, func() { buf = pyjson.AppendFloat(buf[:0], 0.000625) }},
		"string":        {1, func() { _, _ = pyjson.NewScanner([]byte(`"sixteen bytes ok"`)).String() }},
		"raw":           {2, func() { _, _ = pyjson.NewScanner(wide).Raw() }}, // the two keys
	} {
		if got := testing.AllocsPerRun(100, c.run); got > c.want {
			t.Errorf("%s: %v allocations, want %v", name, got, c.want)
		}
	}
}
