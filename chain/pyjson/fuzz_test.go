package pyjson_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// FuzzCanonical checks that Canonical never panics, that its result is a fixed
// point, and that encoding/json finds the same value in both texts. What
// encoding/json takes is refused only for one of the reasons it does not know.
func FuzzCanonical(f *testing.F) {
	for _, seed := range []string{
		transfer, "", "[1,2.50,-0,-0.0,1e309,NaN]", `{"b":[true,null],"a":"\ud83d\ude00\u00e9"}`,
		`{"a":1,"\u0061":2}`, `"\ud800"`, "\"\xff\"", strings.Repeat("[", 65) + strings.Repeat("]", 65), "{} 1",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		got, err := pyjson.Canonical(src)
		if err != nil {
			checkRefusal(t, src, err)
			return
		}
		if again, err := pyjson.Canonical(got); err != nil || !bytes.Equal(again, got) {
			t.Fatalf("%s is no fixed point: %s (%v)", got, again, err)
		}
		if before, after := decode(t, src), decode(t, got); !reflect.DeepEqual(before, after) {
			t.Fatalf("%s turned into %s", src, got)
		}
	})
}

func checkRefusal(t *testing.T, src []byte, err error) {
	t.Helper()
	if !json.Valid(src) {
		return
	}
	for _, own := range []error{
		pyjson.ErrUTF8, pyjson.ErrSurrogate, pyjson.ErrDuplicateKey, pyjson.ErrRange, pyjson.ErrDepth,
	} {
		if errors.Is(err, own) {
			return
		}
	}
	t.Fatalf("%q is valid, but: %v", src, err)
}

// decode returns the value as encoding/json understands it, numbers laid
// bare.
func decode(t *testing.T, src []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(src))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json refuses %q: %v", src, err)
	}
	return bare(v)
}

// bare replaces each number by its integer text or by its double's bits.
func bare(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = bare(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = bare(v[k])
		}
	case json.Number:
		if v == "-0" {
			return "integer 0"
		}
		if !strings.ContainsAny(string(v), ".eE") {
			return "integer " + string(v)
		}
		f, _ := strconv.ParseFloat(string(v), 64)
		return math.Float64bits(f)
	}
	return v
}
