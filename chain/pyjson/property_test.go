package pyjson_test

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// slowString says the rule for strings one character at a time.
func slowString(s string) string {
	short := map[rune]string{
		'\b': `\b`, '\f': `\f`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '"': `\"`, '\\': `\\`,
	}
	var b strings.Builder
	for _, r := range s {
		if e, ok := short[r]; ok {
			b.WriteString(e)
		} else if ' ' <= r && r <= '~' {
			b.WriteRune(r)
		} else {
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, `\u%04x`, u)
			}
		}
	}
	return `"` + b.String() + `"`
}

// slowFloat says the rule for floats on their decimal digits: 0.DIGITS times
// ten to the power of point.
func slowFloat(f float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	sign := ""
	if math.Signbit(f) {
		sign, mantissa = "-", mantissa[1:]
	}
	digits := strings.Replace(mantissa, ".", "", 1)
	e, _ := strconv.Atoi(exponent)
	switch point := e + 1; {
	case point > 16 || point < -3:
		if len(digits) > 1 {
			digits = digits[:1] + "." + digits[1:]
		}
		return fmt.Sprintf("%s%se%+03d", sign, digits, e)
	case point <= 0:
		return sign + "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return sign + digits + strings.Repeat("0", point-len(digits)) + ".0"
	default:
		return sign + digits[:point] + "." + digits[point:]
	}
}

// text draws strings with long plain runs and with everything else.
func text() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.String(),
		rapid.StringMatching(`[ -~]{0,40}`),
		rapid.StringOf(rapid.OneOf(rapid.RuneFrom([]rune("\x00\x1f \"\\/~\x7f\u0080é\ud7ff\ue000\ufffd\uffff😀\U0010ffff")), rapid.RuneFrom([]rune("abc")))),
	)
}

// float draws finite doubles of all sizes, and round ones.
func float() *rapid.Generator[float64] {
	bits := rapid.Map(rapid.Uint64(), math.Float64frombits)
	finite := bits.Filter(func(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) })
	round := rapid.Custom(func(t *rapid.T) float64 {
		return float64(rapid.Int64Range(-1e6, 1e6).Draw(t, "n")) * math.Pow10(rapid.IntRange(-12, 16).Draw(t, "e"))
	})
	return rapid.OneOf(finite, round, rapid.Float64Range(-1e6, 1e6))
}

func TestAppendStringProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := text().Draw(t, "s")
		got := string(pyjson.AppendString([]byte("kept"), s))
		if want := "kept" + slowString(s); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		back, err := pyjson.NewScanner([]byte(got[4:])).String()
		if err != nil || back != s {
			t.Fatalf("read back %q (%v), want %q", back, err, s)
		}
	})
}

// TestAppendStringPlaces puts every character of one byte at every place of a
// word, among neighbours that borrows and carries could reach.
func TestAppendStringPlaces(t *testing.T) {
	for _, fill := range []string{" ", "!", "#", "[", "]", "~", "\x00", "\x7f"} {
		for c := range 0x80 {
			for at := range 17 {
				s := strings.Repeat(fill, at) + string(rune(c)) + strings.Repeat(fill, 16-at)
				if got, want := string(pyjson.AppendString(nil, s)), slowString(s); got != want {
					t.Fatalf("%q: got %s, want %s", s, got, want)
				}
			}
		}
	}
}

func TestAppendFloatProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := float().Draw(t, "f")
		got := pyjson.AppendFloat([]byte("kept"), f)
		if want := "kept" + slowFloat(f); string(got) != want {
			t.Fatalf("got %s, want %s", got, want)
		}
		back, err := strconv.ParseFloat(string(got[4:]), 64)
		if err != nil || math.Float64bits(back) != math.Float64bits(f) {
			t.Fatalf("read back %v (%v), want %v", back, err, f)
		}
		again, err := pyjson.Canonical(got[4:])
		if err != nil || !bytes.Equal(again, got[4:]) {
			t.Fatalf("%s is no fixed point: %s (%v)", got[4:], again, err)
		}
	})
}

// FuzzAppendString compares with the slow rule on whatever the fuzzer finds.
func FuzzAppendString(f *testing.F) {
	f.Add("plain and \"not\" \\ \u0000 é 😀")
	f.Fuzz(func(t *testing.T, s string) {
		s = strings.ToValidUTF8(s, "\ufffd")
		if got, want := string(pyjson.AppendString(nil, s)), slowString(s); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	})
}
