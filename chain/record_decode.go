package chain

import (
	"bytes"
	"fmt"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// DecodeRecord reads the text of one record. It accepts any spelling of the
// JSON; whoever needs the canonical one encodes again and compares.
func DecodeRecord(text []byte, decimals int) (r Record, err error) {
	d := recordReader{text: text, decimals: decimals}
	if end, ok := d.read(0, &r); ok && end == len(text) {
		var buf [1024]byte
		if bytes.Equal(AppendRecord(buf[:0], &r, decimals), text) {
			return r, nil
		}
	}
	s := pyjson.NewScanner(text)
	if err = scanRecord(s, &r, decimals); err == nil {
		err = s.End()
	}
	return r, err
}

// scanRecord reads one record, and refuses fields that are not of its kind.
func scanRecord(s *pyjson.Scanner, r *Record, decimals int) error {
	*r = Record{}
	var seen FieldSet
	err := s.Object(func(key string) error {
		f, known := fieldNamed(key)
		if row := &fields[f]; !known || row.always|row.may == 0 {
			return inField(key, unknownKey(key))
		}
		seen |= f.Set()
		return inField(key, r.scan(s, f, decimals))
	})
	if err != nil {
		return err
	}
	if foreign := seen &^ layout.shapes[r.Kind.number()].fields; foreign != 0 {
		return fmt.Errorf("%w: %s, in a record of kind %q", InvalidField, foreign, r.Kind)
	}
	return nil
}

// scan reads the value of a field.
func (r *Record) scan(s *pyjson.Scanner, f Field, decimals int) (err error) {
	r.makePlace(f)
	switch layout.units[f] {
	case unitText:
		*r.text(f), err = s.String()
	case unitAmount:
		var a Amount
		a, err = scanAmount(s, decimals)
		*r.number(f) = int64(a)
	case unitSeconds:
		*r.number(f), err = scanInt[int64](s)
	case unitMicros:
		var m Micros
		m, err = ScanTimestamp(s)
		*r.number(f) = int64(m)
	case unitHash:
		var h Hash
		h, err = ScanHash(s)
		copy(r.bytes(f), h[:])
	case unitSignature:
		var text string
		if text, err = s.String(); err == nil {
			r.Auth.Signature, err = ParseSignature(text)
		}
	case unitBool:
		*r.flag(f), err = s.Bool()
	}
	return err
}

// scanAmount reads an amount of a record, which unlike a client's may be
// nothing.
func scanAmount(s *pyjson.Scanner, decimals int) (Amount, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	return parseUnits(text, decimals)
}

// ScanHash reads a hash as ParseHash does.
func ScanHash(s *pyjson.Scanner) (Hash, error) {
	text, err := s.String()
	if err != nil {
		return Hash{}, err
	}
	return ParseHash(text)
}
