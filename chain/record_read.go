package chain

import (
	"encoding/hex"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// recordReader reads records in their canonical form, several times as fast as
// the scanner, which takes any spelling. It knows nothing of what may stand
// where and may even misread: it is for a caller that encodes the record again
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
	for first := true; ; first = false {
		if !first && d.skip(`}`) {
			return d.pos, true
		}
		if first && !d.skip(`{"`) || !first && !d.skip(`, "`) {
			return 0, false
		}
		key := d.text[d.pos : d.pos+pyjson.Plain(d.text[d.pos:])]
		d.pos += len(key)
		if !d.skip(`": `) || !d.member(string(key), r) {
			return 0, false
		}
	}
}

// skip passes a text that must stand next.
func (d *recordReader) skip(text string) bool {
	if end := d.pos + len(text); end <= len(d.text) && string(d.text[d.pos:end]) == text {
		d.pos = end
		return true
	}
	return false
}

// member reads the value of a member. Changes of a wallet's rules are rare, and
// the scanner's.
func (d *recordReader) member(key string, r *Record) (ok bool) {
	switch key {
	case "amount":
		r.Amount, ok = d.amount()
	case "amount_bpsc":
		r.AmountBPSC, ok = d.amount()
	case "amount_receive":
		r.AmountReceive, ok = d.amount()
	case "amount_refund":
		r.AmountRefund, ok = d.amount()
	case "amount_send":
		r.AmountSend, ok = d.amount()
	case "bpsc":
		r.BPSC, ok = d.string(d.bpsc)
		d.bpsc = r.BPSC
	case "expires":
		r.auth().Expires, ok = d.seconds()
	case "hold":
		ok = d.hex(r.Hold[:])
	case "hold_until":
		r.HoldUntil, ok = d.seconds()
	case "id":
		ok = d.hex(r.ID[:])
	case "kind":
		r.Kind, ok = d.kind()
	case "memo":
		r.HasMemo = true
		r.Memo, ok = d.string("")
	case "nonce":
		r.auth().Nonce, ok = d.string("")
	case "public_key":
		ok = d.hex(r.auth().PublicKey[:])
	case "recipient":
		r.Recipient, ok = d.string("")
	case "request":
		r.Request, ok = d.kind()
	case "sender":
		r.Sender, ok = d.string("")
	case "signature":
		ok = d.hex(r.auth().Signature[:])
	case "time":
		var t int64
		t, ok = d.number(6, int64(MaxTimestamp))
		r.Time = Micros(t)
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

// string reads a string; one that is as expected takes no memory of its own.
func (d *recordReader) string(expected string) (string, bool) {
	inside, ok := d.quoted()
	if string(inside) == expected {
		return expected, ok
	}
	return string(inside), ok
}

func (d *recordReader) kind() (Kind, bool) {
	inside, ok := d.quoted()
	if string(inside) == string(Transfer) {
		return Transfer, ok
	}
	return Kind(inside), ok
}

func (d *recordReader) hex(dst []byte) bool {
	inside, ok := d.quoted()
	if !ok || len(inside) != hex.EncodedLen(len(dst)) {
		return false
	}
	_, err := hex.Decode(dst, inside)
	return err == nil
}

func (d *recordReader) amount() (Amount, bool) {
	units, ok := d.number(d.decimals, int64(MaxUnits))
	return Amount(units), ok
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

func (d *recordReader) seconds() (Seconds, bool) {
	s, ok := d.number(0, int64(MaxUnits))
	return Seconds(s), ok
}
