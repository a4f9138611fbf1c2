package pyjson_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/chain/pyjson"
)

func TestCanonicalVectors(t *testing.T) {
	file, err := os.ReadFile("../testdata/canonical-json.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors []struct{ JSON, Canonical string }
	if err := json.Unmarshal(file, &vectors); err != nil {
		t.Fatal(err)
	}
	if len(vectors) != 400 {
		t.Fatalf("%d vectors, want 400", len(vectors))
	}
	for i, v := range vectors {
		got, err := pyjson.Canonical([]byte(v.JSON))
		if err != nil || string(got) != v.Canonical {
			t.Errorf("vector %d %q:\n got %s (%v)\nwant %s", i, v.JSON, got, err, v.Canonical)
		}
		again, err := pyjson.Canonical(got)
		if err != nil || string(again) != string(got) {
			t.Errorf("vector %d is no fixed point: %s (%v)", i, again, err)
		}
	}
}

func TestCanonical(t *testing.T) {
	manyIn, manyOut := manyKeys(100)
	for _, c := range []struct{ src, want string }{
		{" \t\r\n null \n", "null"},
		{"[true,false,null]", "[true, false, null]"},
		{"[]", "[]"},
		{`{ }`, "{}"},

		{"0", "0"}, {"-0", "0"}, {"-7", "-7"},
		{"0.0", "0.0"}, {"-0.0", "-0.0"}, {"-0e5", "-0.0"}, {"1e-400", "0.0"}, {"-1E-400", "-0.0"},
		{"1e2", "100.0"}, {"1E+2", "100.0"}, {"1e-4", "0.0001"}, {"0.00009999", "9.999e-05"},
		{"1e15", "1000000000000000.0"}, {"1e16", "1e+16"}, {"9999999999999998.0", "9999999999999998.0"},
		{"1.7976931348623157e308", "1.7976931348623157e+308"}, {"5e-324", "5e-324"},
		{strings.Repeat("9", 400), strings.Repeat("9", 400)},
		{"1" + strings.Repeat("0", 308) + ".5", "1e+308"},

		{`"\/\u002f\u0041~\u007f"`, `"//A~\u007f"`},
		{`"\b\f\n\r\t\"\\"`, `"\b\f\n\r\t\"\\"`},
		{`"\u00E9\uD83D\uDE00é😀"`, `"\u00e9\ud83d\ude00\u00e9\ud83d\ude00"`},
		{`"\ufffd�"`, `"\ufffd\ufffd"`},
		{`"` + strings.Repeat("a", 20) + `\n"`, `"` + strings.Repeat("a", 20) + `\n"`},

		{`{"b":1,"a":{"d":[],"c":""}}`, `{"a": {"c": "", "d": []}, "b": 1}`},
		// By code point, where UTF-16 would put the pair first.
		{`{"😀":1,"\uffff":2,"":3}`, `{"": 3, "\uffff": 2, "\ud83d\ude00": 1}`},
		{manyIn, manyOut},
		{nest("[", "]", pyjson.MaxDepth), nest("[", "]", pyjson.MaxDepth)},
	} {
		got, err := pyjson.Canonical([]byte(c.src))
		if err != nil || string(got) != c.want {
			t.Errorf("%s:\n got %s (%v)\nwant %s", c.src, got, err, c.want)
		}
	}
}

func TestCanonicalRefuses(t *testing.T) {
	many, _ := manyKeys(100)
	for _, c := range []struct {
		src    string
		want   error
		offset int
	}{
		{"", pyjson.ErrSyntax, 0},
		{" ", pyjson.ErrSyntax, 1},
		{"\ufeff1", pyjson.ErrSyntax, 0},
		{"\x00", pyjson.ErrSyntax, 0},
		{"nul", pyjson.ErrSyntax, 0}, {"trux", pyjson.ErrSyntax, 0}, {"fals", pyjson.ErrSyntax, 0},
		{"'a'", pyjson.ErrSyntax, 0},
		{"/**/1", pyjson.ErrSyntax, 0},
		{"-", pyjson.ErrSyntax, 1}, {"+1", pyjson.ErrSyntax, 0}, {".5", pyjson.ErrSyntax, 0},
		{"-a", pyjson.ErrSyntax, 1}, {"01", pyjson.ErrSyntax, 1}, {"-00", pyjson.ErrSyntax, 2},
		{"1.", pyjson.ErrSyntax, 2}, {"1.e1", pyjson.ErrSyntax, 2},
		{"1e", pyjson.ErrSyntax, 2}, {"1e+", pyjson.ErrSyntax, 3}, {"1E-x", pyjson.ErrSyntax, 3},

		{"[", pyjson.ErrSyntax, 1}, {"[1", pyjson.ErrSyntax, 2}, {"[1,", pyjson.ErrSyntax, 3},
		{"[1,]", pyjson.ErrSyntax, 3}, {"[,1]", pyjson.ErrSyntax, 1}, {"[1 2]", pyjson.ErrSyntax, 3},
		{"[1}", pyjson.ErrSyntax, 2}, {"]", pyjson.ErrSyntax, 0},
		{"{", pyjson.ErrSyntax, 1}, {"{1:2}", pyjson.ErrSyntax, 1}, {`{"a"}`, pyjson.ErrSyntax, 4},
		{`{"a":}`, pyjson.ErrSyntax, 5}, {`{"a":1,}`, pyjson.ErrSyntax, 7}, {`{"a":1 "b":2}`, pyjson.ErrSyntax, 7},
		{`{"a":1]`, pyjson.ErrSyntax, 6}, {`{"a:1}`, pyjson.ErrSyntax, 6}, {`{"a":[1,x]}`, pyjson.ErrSyntax, 8},

		{`"`, pyjson.ErrSyntax, 1}, {`"abc`, pyjson.ErrSyntax, 4}, {`"\`, pyjson.ErrSyntax, 1},
		{`"\x"`, pyjson.ErrSyntax, 1}, {`"\u12"`, pyjson.ErrSyntax, 1}, {`"\u12g4"`, pyjson.ErrSyntax, 1},
		{`"\U0041"`, pyjson.ErrSyntax, 1}, {`"\u+123"`, pyjson.ErrSyntax, 1}, {`"\u 123"`, pyjson.ErrSyntax, 1},
		{"\"a\nb\"", pyjson.ErrSyntax, 2}, {"\"\x00\"", pyjson.ErrSyntax, 1}, {"\"12345678\x1f\"", pyjson.ErrSyntax, 9},

		{"\"\xff\"", pyjson.ErrUTF8, 1}, {"\"ab\xc3\"", pyjson.ErrUTF8, 3}, {"\"\xc0\x80\"", pyjson.ErrUTF8, 1},
		{"\"\xed\xa0\x80\"", pyjson.ErrUTF8, 1}, {"\"\xf4\x90\x80\x80\"", pyjson.ErrUTF8, 1},
		{"{\"\xff\":1}", pyjson.ErrUTF8, 2},

		{`"\ud800"`, pyjson.ErrSurrogate, 1}, {`"a\udc00"`, pyjson.ErrSurrogate, 2},
		{`"\ud800\ud800"`, pyjson.ErrSurrogate, 1}, {`"\udc00\ud800"`, pyjson.ErrSurrogate, 1},
		{`"\ud800\n"`, pyjson.ErrSurrogate, 1}, {`"\ud800-u-dc00"`, pyjson.ErrSurrogate, 1},
		{`"\ud800`, pyjson.ErrSurrogate, 1},

		{`{"a":1,"a":2}`, pyjson.ErrDuplicateKey, 7}, {`{"é":1,"\u00E9":2}`, pyjson.ErrDuplicateKey, 8},
		{`[{"a":{"b":1,"\u0062":2}}]`, pyjson.ErrDuplicateKey, 13},
		{strings.Replace(many, "{", `{"k07":0,`, 1), pyjson.ErrDuplicateKey, -1},
		{strings.Replace(many, "{", `{"k99":0,`, 1), pyjson.ErrDuplicateKey, -1},
		{strings.Replace(many, "}", `,"k01":0}`, 1), pyjson.ErrDuplicateKey, len(many)},

		{"1e309", pyjson.ErrRange, 0}, {"[-1e309]", pyjson.ErrRange, 1}, {"1.7976931348623159e308", pyjson.ErrRange, 0},
		{strings.Repeat("9", 309) + ".0", pyjson.ErrRange, 0},

		{"NaN", pyjson.ErrNotFinite, 0}, {"Infinity", pyjson.ErrNotFinite, 0}, {"-Infinity", pyjson.ErrNotFinite, 1},
		{"[NaN]", pyjson.ErrNotFinite, 1}, {`{"a":Infinity}`, pyjson.ErrNotFinite, 5},
		{"Infinite", pyjson.ErrSyntax, 0}, {"Inf", pyjson.ErrSyntax, 0}, {"nan", pyjson.ErrSyntax, 0},

		{nest("[", "]", pyjson.MaxDepth+1), pyjson.ErrDepth, pyjson.MaxDepth},
		{nest(`{"":`, "}", pyjson.MaxDepth+1), pyjson.ErrDepth, 4 * pyjson.MaxDepth},
		{strings.Repeat("[", 1_000_000), pyjson.ErrDepth, pyjson.MaxDepth},

		{"1 2", pyjson.ErrTrailing, 2}, {"{} x", pyjson.ErrTrailing, 3}, {"null,", pyjson.ErrTrailing, 4},
		{"[]]", pyjson.ErrTrailing, 2}, {"1\x00", pyjson.ErrTrailing, 1},
	} {
		got, err := pyjson.Canonical([]byte(c.src))
		if !errors.Is(err, c.want) || got != nil {
			t.Errorf("%.60q: got %s (%v), want %v", c.src, got, err, c.want)
			continue
		}
		if at := fmt.Sprintf("%v at byte %d", c.want, c.offset); c.offset >= 0 && !hasOffset(err, at) {
			t.Errorf("%.60q: %v, want %s", c.src, err, at)
		}
	}
}

// hasOffset tells whether the message is want, alone or with an explanation.
func hasOffset(err error, want string) bool {
	return err.Error() == want || strings.HasPrefix(err.Error(), want+": ")
}

// manyKeys returns an object of n keys in falling order, and its canonical text.
func manyKeys(n int) (src, canonical string) {
	var in, out []string
	for i := range n {
		in = append(in, fmt.Sprintf(`"k%02d":%d`, n-1-i, i))
		out = append(out, fmt.Sprintf(`"k%02d": %d`, i, n-1-i))
	}
	return "{" + strings.Join(in, ",") + "}", "{" + strings.Join(out, ", ") + "}"
}

// nest puts n brackets inside one another; `{"":` needs a value at the core.
func nest(open, close string, n int) string {
	core := ""
	if open != "[" {
		core = "0"
	}
	return strings.Repeat(open, n) + core + strings.Repeat(close, n)
}
