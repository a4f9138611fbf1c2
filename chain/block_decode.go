package chain

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// DecodeBlock reads a block and accepts nothing but its canonical bytes: what
// it returns encodes to canonical again, byte for byte. decimals is that of
// the chain's contract; in a genesis block the contract inside decides. The
// block keeps nothing of canonical.
func DecodeBlock(canonical []byte, decimals int) (*Block, error) {
	d, err := decodeBlock(canonical, decimals)
	return d.block, err
}

// decoded is a block and where its records stand in the bytes it was read from.
type decoded struct {
	block   *Block
	records []Span
}

// Span is a part of a text.
type Span struct{ From, To int }

func decodeBlock(canonical []byte, decimals int) (decoded, error) {
	// Nearly every block is canonical and reads the fast way. The scanner has
	// the last word on any other, and the better explanation.
	d, err := scanBlock(canonical, decimals, true)
	if err != nil || !d.encodesTo(canonical, decimals) {
		d, err = scanBlock(canonical, decimals, false)
		if err != nil {
			return decoded{}, fmt.Errorf("%w: %w", ErrInvalid, err)
		}
		if !d.encodesTo(canonical, decimals) {
			return decoded{}, fmt.Errorf("%w: the bytes are not canonical", ErrInvalid)
		}
	}
	return d, nil
}

// encodesTo tells whether canonical is the text of the block, as Append makes
// it, without the need to hold a second copy.
func (d *decoded) encodesTo(canonical []byte, decimals int) bool {
	b := d.block
	if b.Contract != nil {
		decimals = b.Contract.Decimals
	}
	buf := appendHead(make([]byte, 0, BlockOverhead), &b.Header, decimals)
	if !bytes.HasPrefix(canonical, buf) {
		return false
	}
	at := len(buf)
	for i, place := range d.records {
		if i > 0 {
			if !bytes.HasPrefix(canonical[at:], []byte(RecordSeparator)) {
				return false
			}
			at += len(RecordSeparator)
		}
		buf = AppendRecord(buf[:0], &b.Records[i], decimals)
		if place.From != at || !bytes.Equal(buf, canonical[place.From:place.To]) {
			return false
		}
		at = place.To
	}
	return bytes.Equal(appendTail(buf[:0], &b.Header), canonical[at:])
}

// scanBlock reads a block. With fast, records that look canonical are read by
// readRecord.
func scanBlock(text []byte, decimals int, fast bool) (decoded, error) {
	s := pyjson.NewScanner(text)
	d := decoded{block: &Block{}}
	b := d.block
	err := s.Object(func(key string) (err error) {
		switch key {
		case "contract":
			if b.Contract, err = scanGenesisContract(s); err == nil {
				decimals = b.Contract.Decimals
			}
		case "index":
			b.Index, err = scanInt[uint64](s)
		case "previous_hash":
			b.PreviousHash, err = s.String()
		case "timestamp":
			b.Timestamp, err = ScanTimestamp(s)
		case "totals":
			b.Totals, err = scanTotals(s, decimals)
		case "transactions":
			err = d.scanRecords(s, text, decimals, fast)
		case "transactions_root":
			b.HasRoot = true
			b.Root, err = ScanHash(s)
		case "trigger":
			err = scanText(s, &b.Trigger)
		default:
			err = unknownKey(key)
		}
		return inField(key, err)
	})
	if err != nil {
		return decoded{}, err
	}
	return d, s.End()
}

func scanGenesisContract(s *pyjson.Scanner) (*Contract, error) {
	c, err := scanContract(s)
	if err != nil {
		return nil, err
	}
	return &c, c.Validate()
}

// ScanTimestamp reads seconds with at most six places. Digits are joined, because
// a product with a double would round; other spellings do not encode back.
func ScanTimestamp(s *pyjson.Scanner) (Micros, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	whole, fraction, _ := strings.Cut(text, ".")
	if len(whole) > 10 || len(fraction) > 6 {
		return 0, fmt.Errorf("%w: %s is not seconds with at most six places", InvalidField, text)
	}
	micros, err := parseMicros(whole, fraction)
	if err != nil || micros > MaxTimestamp {
		return 0, fmt.Errorf("%w: %s is not a time in range", InvalidField, text)
	}
	return micros, nil
}

// TimestampOf reads the time of a block in its canonical text, or the beginning of
// that; ok is false where it is not there. In a text that stands before it quotes are
// escaped, so its key stands nowhere else.
func TimestampOf(canonical []byte) (at Micros, ok bool) {
	const key = `"timestamp": `
	i := bytes.Index(canonical, []byte(key))
	if i < 0 {
		return 0, false
	}
	at, err := ScanTimestamp(pyjson.NewScanner(canonical[i+len(key):]))
	return at, err == nil
}

// PreviousOf reads the hash of the block before in a block's canonical text, as TimestampOf
// reads its time; ok is false where there is none, as in the genesis block.
func PreviousOf(canonical []byte) (previous Hash, ok bool) {
	const key = `"previous_hash": `
	i := bytes.Index(canonical, []byte(key))
	if i < 0 {
		return Hash{}, false
	}
	previous, err := ScanHash(pyjson.NewScanner(canonical[i+len(key):]))
	return previous, err == nil
}

// parseMicros joins seconds of up to ten digits and up to six places: more
// digits than an amount may have.
func parseMicros(whole, fraction string) (Micros, error) {
	if whole == "" || !allDigits(whole) || !allDigits(fraction) {
		return 0, InvalidField
	}
	var micros Micros
	for _, digits := range []string{whole, fraction} {
		for i := range len(digits) {
			micros = micros*10 + Micros(digits[i]-'0')
		}
	}
	return micros * Micros(pow10(6-len(fraction))), nil
}

func scanTotals(s *pyjson.Scanner, decimals int) (*Totals, error) {
	t := &Totals{}
	err := s.Object(func(key string) (err error) {
		switch key {
		case "burned":
			t.Burned, err = scanAmount(s, decimals)
		case "fees":
			t.Fees, err = scanAmount(s, decimals)
		case "held":
			t.Held, err = scanAmount(s, decimals)
		case "issued":
			t.Issued, err = scanAmount(s, decimals)
		default:
			err = unknownKey(key)
		}
		return inField(key, err)
	})
	return t, err
}

func (d *decoded) scanRecords(s *pyjson.Scanner, text []byte, decimals int, fast bool) error {
	reader := recordReader{text: text, decimals: decimals}
	return s.Array(func(i int) error {
		if i >= MaxBlockRecords {
			return fmt.Errorf("%w: more than %d records", InvalidField, MaxBlockRecords)
		}
		if i == 1 {
			d.makeRoom(len(text) - d.records[0].From)
		}
		d.block.Records = append(d.block.Records, Record{})
		r, from := &d.block.Records[i], s.Offset()
		end, ok := 0, false
		if fast {
			end, ok = reader.read(from, r)
		}
		if ok {
			s.Advance(end - from)
		} else if err := scanRecord(s, r, decimals); err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
		d.records = append(d.records, Span{from, s.Offset()})
		return nil
	})
}

// makeRoom takes memory for the records of a text of that length, if they are
// about as long as the first: to grow by and by would cost as much as to read
// them.
func (d *decoded) makeRoom(length int) {
	n := length / (d.records[0].To - d.records[0].From)
	n = min(n+n/16, MaxBlockRecords)
	d.block.Records = slices.Grow(d.block.Records, n)
	d.records = slices.Grow(d.records, n)
}
