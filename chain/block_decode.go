package chain

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// DecodeBlock reads a block and accepts nothing but its canonical bytes: what
// it returns encodes to canonical again, byte for byte. decimals is that of
// the chain's contract; in a genesis block the contract inside decides.
func DecodeBlock(canonical []byte, decimals int) (*Block, error) {
	s := pyjson.NewScanner(canonical)
	b := &Block{}
	if err := scanBlock(s, b, decimals); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	if b.Contract != nil {
		decimals = b.Contract.Decimals
	}
	if !bytes.Equal(b.Append(make([]byte, 0, len(canonical)), decimals), canonical) {
		return nil, fmt.Errorf("%w: the bytes are not canonical", ErrInvalid)
	}
	return b, nil
}

func scanBlock(s *pyjson.Scanner, b *Block, decimals int) error {
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
			b.Timestamp, err = scanTimestamp(s)
		case "totals":
			b.Totals, err = scanTotals(s, decimals)
		case "transactions":
			b.Records, err = scanRecords(s, decimals)
		case "transactions_root":
			b.HasRoot = true
			b.Root, err = scanHash(s)
		case "trigger":
			err = scanText(s, &b.Trigger)
		default:
			err = unknownKey(key)
		}
		return inField(key, err)
	})
	if err != nil {
		return err
	}
	return s.End()
}

func scanGenesisContract(s *pyjson.Scanner) (*Contract, error) {
	c, err := scanContract(s)
	if err != nil {
		return nil, err
	}
	return &c, c.Validate()
}

func scanTimestamp(s *pyjson.Scanner) (int64, error) {
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

// parseMicros joins seconds of up to ten digits and up to six places: more
// digits than an amount may have.
func parseMicros(whole, fraction string) (int64, error) {
	if whole == "" || !allDigits(whole) || !allDigits(fraction) {
		return 0, InvalidField
	}
	var micros int64
	for _, digits := range []string{whole, fraction} {
		for i := range len(digits) {
			micros = micros*10 + int64(digits[i]-'0')
		}
	}
	return micros * pow10(6-len(fraction)), nil
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

func scanRecords(s *pyjson.Scanner, decimals int) ([]Record, error) {
	var records []Record
	err := s.Array(func(i int) error {
		if i >= MaxBlockRecords {
			return fmt.Errorf("%w: more than %d records", InvalidField, MaxBlockRecords)
		}
		r, err := scanRecord(s, decimals)
		if err != nil {
			return fmt.Errorf("%d: %w", i, err)
		}
		records = append(records, r)
		return nil
	})
	return records, err
}

// RecordText returns the text of the record at the given place in a block.
func RecordText(block []byte, position int) ([]byte, error) {
	s := pyjson.NewScanner(block)
	var text []byte
	err := s.Object(func(key string) error {
		if key != "transactions" {
			return nil
		}
		return s.Array(func(i int) (err error) {
			if i == position {
				text, err = s.Raw()
			}
			return err
		})
	})
	if err == nil && text == nil {
		err = fmt.Errorf("%w: no record %d in this block", NotFound, position)
	}
	return text, err
}
