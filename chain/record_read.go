package chain

import (
	"encoding/hex"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// recordReader reads records in their canonical form, several times as fast as
// the scanner, which takes any spelling. It knows nothing of what stands in which
// kind and may even misread: it is for a caller that encodes the record again
// and compares, and asks the scanner where they differ.
type recordReader struct {
	text     []byte
	pos      int
	decimals int
	bpsc     string // of the record before: nearly always that of the next
}

// read reads the record that begins at from into r, which is empty, and returns
// where it ends; ok is false for one that the scanner must read.
func (d *recordReader) read(from int, r *Record) (end int, ok bool) {
	d.pos = from
	begin := `{"`
	for f := Field(0); d.skip(begin); f++ {
		for ; f < fieldCount && !d.skip(layout.keys[f][len(`, "`):]); f++ {
		}
		if f == fieldCount {
			return 0, false
		}
		if r.makePlace(f); !d.value(f, r) {
			return 0, false
		}
		begin = `, "`
	}
	ok = d.skip("}")
	return d.pos, ok
}

// skip passes a text that must stand next.
func (d *recordReader) skip(text string) bool {
	if end := d.pos + len(text); end <= len(d.text) && d.text[d.pos] == text[0] && string(d.text[d.pos:end]) == text {
		d.pos = end
		return true
	}
	return false
}

// value reads the value of a field into its place.
func (d *recordReader) value(f Field, r *Record) (ok bool) {
	switch layout.units[f] {
	case unitText:
		ok = d.string(f, r.text(f))
	case unitAmount:
		*r.number(f), ok = d.number(d.decimals, int64(MaxUnits))
	case unitSeconds:
		*r.number(f), ok = d.number(0, int64(MaxUnits))
	case unitMicros:
		*r.number(f), ok = d.number(6, int64(MaxTimestamp))
	case unitHash, unitSignature:
		ok = d.hex(r.bytes(f))
	case unitBool:
		yes := d.skip("true")
		*r.flag(f), ok = yes, yes || d.skip("false")
	}
	return ok
}

// string reads a string; one that is as expected takes no memory of its own.
func (d *recordReader) string(f Field, dst *string) bool {
	inside, ok := d.quoted()
	expected := ""
	switch f {
	case fieldBPSC:
		expected = d.bpsc
	case FieldKind:
		expected = string(Transfer)
	}
	if *dst = expected; string(inside) != expected {
		*dst = string(inside)
	}
	if f == fieldBPSC {
		d.bpsc = *dst
	}
	return ok
}

// quoted returns what stands between the quotes of a string without escapes.
func (d *recordReader) quoted() (inside []byte, ok bool) {
	if !d.skip(`"`) {
		return nil, false
	}
	inside = d.text[d.pos : d.pos+pyjson.Plain(d.text[d.pos:])]
	d.pos += len(inside)
	return inside, d.skip(`"`)
}

func (d *recordReader) hex(dst []byte) bool {
	inside, ok := d.quoted()
	if !ok || len(inside) != hex.EncodedLen(len(dst)) {
		return false
	}
	_, err := hex.Decode(dst, inside)
	return err == nil
}

// number reads a number of at most 16 digits in units of 10^-decimals.
func (d *recordReader) number(decimals int, most int64) (units int64, ok bool) {
	digits, fraction, dotted := 0, 0, false
	for ; d.pos < len(d.text); d.pos++ {
		c := d.text[d.pos]
		if '0' <= c && c <= '9' {
			units = units*10 + int64(c-'0')
			if digits++; dotted {
				fraction++
			}
			continue
		}
		if c != '.' || dotted {
			break
		}
		dotted = true
	}
	if d.skip("e-0") { // as 5e-05
		if d.pos == len(d.text) || d.text[d.pos] < '0' || d.text[d.pos] > '9' {
			return 0, false
		}
		fraction += int(d.text[d.pos] - '0')
		d.pos++
	}
	zeros := decimals - fraction
	if digits == 0 || digits > 16 || zeros < 0 || units > most/pow10(zeros) {
		return 0, false
	}
	return units * pow10(zeros), true
}
