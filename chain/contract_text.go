package chain

import (
	"fmt"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/chain/pyjson"
)

// DecodeContract reads a contract from JSON. What is not said has its
// default; a key that is not known is refused, so that a misspelt rule is not
// silently another contract. The result is validated.
func DecodeContract(data []byte) (Contract, error) {
	s := pyjson.NewScanner(data)
	c, err := scanContract(s)
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return Contract{}, fmt.Errorf("%w: %w", ContractInvalid, err)
	}
	return c, c.Validate()
}

// DecodeNewContract is DecodeContract for a contract that is to begin.
func DecodeNewContract(data []byte) (Contract, error) {
	c, err := DecodeContract(data)
	if err == nil {
		err = c.validateNew()
	}
	return c, err
}

// scanContract reads a contract from s without validating it.
func scanContract(s *pyjson.Scanner) (Contract, error) {
	defaults := DefaultContract()
	c := defaults
	members := c.members()
	if err := scanMembers(s, members); err != nil {
		return c, err
	}
	switch {
	case c.Wallets == OpenWallets && (c.HoldFor != defaults.HoldFor || c.LooseningDelay != defaults.LooseningDelay):
		return c, fmt.Errorf("%w: hold_for and loosening_delay are of signed contracts", InvalidField)
	case c.Wallets == OpenWallets:
		c.HoldFor, c.LooseningDelay = 0, 0
		if c.BPSC == "" {
			c.BPSC = OpenBPSC
		}
	case c.BPSC == "":
		c.BPSC = BPSCAddress(c.Token)
	}
	for _, m := range members {
		if amount, ok := m.value.(*Amount); ok && m.text != "" {
			var err error
			if *amount, err = ParseAmount(m.text, min(max(c.Decimals, 0), MaxDecimals)); err != nil {
				return c, inField(m.name, err)
			}
		}
	}
	return c, nil
}

// member is what an object says under one name.
type member struct {
	name  string
	value any    // where it is kept
	there bool   // it stands in the text
	text  string // of an Amount that has been read; what it is worth depends on another member
}

// members are those of c in the order of its canonical text. Addresses that are not
// set and what does not apply are left out of it.
func (c *Contract) members() []member {
	signed := c.Wallets == SignedWallets
	return []member{
		{name: "bpsc", value: &c.BPSC, there: true},
		{name: "decimals", value: &c.Decimals, there: true},
		{name: "fee_ppm", value: &c.FeePPM, there: true},
		{name: "fees", value: (*string)(&c.Fees), there: true},
		{name: "freezable", value: &c.Freezable, there: true},
		{name: "hold_for", value: &c.HoldFor, there: signed},
		{name: "issuer", value: &c.Issuer, there: c.Issuer != ""},
		{name: "loosening_delay", value: &c.LooseningDelay, there: signed},
		{name: "mintable", value: &c.Mintable, there: true},
		{name: "on_request", value: &c.OnRequest, there: true},
		{name: "schedule", value: &c.Schedule, there: true},
		{name: "supply", value: &c.Supply, there: c.Supply > 0},
		{name: "token", value: &c.Token, there: true},
		{name: "treasurer", value: &c.Treasurer, there: c.Treasurer != ""},
		{name: "wallets", value: (*string)(&c.Wallets), there: true},
	}
}

func (s *Schedule) members() []member {
	return []member{
		{name: "empty", value: &s.Empty, there: true},
		{name: "every", value: &s.Every, there: s.Every > 0},
		{name: "transactions", value: &s.Transactions, there: s.Transactions > 0},
	}
}

func scanMembers(s *pyjson.Scanner, members []member) error {
	return s.Object(func(key string) error {
		for i := range members {
			if members[i].name == key {
				return inField(key, members[i].scan(s))
			}
		}
		return inField(key, unknownKey(key))
	})
}

func (m *member) scan(s *pyjson.Scanner) (err error) {
	switch v := m.value.(type) {
	case *string:
		*v, err = s.String()
	case *int:
		*v, err = scanInt[int](s)
	case *int64:
		*v, err = scanInt[int64](s)
	case *bool:
		*v, err = s.Bool()
	case *time.Duration:
		*v, err = scanDuration(s)
	case *Amount:
		m.text, err = scanNumberText(s)
	case *Schedule:
		err = scanMembers(s, v.members())
	}
	return err
}

func appendMembers(dst []byte, members []member, decimals int) []byte {
	begin := `{"`
	for _, m := range members {
		if !m.there {
			continue
		}
		dst = append(append(append(dst, begin...), m.name...), `": `...)
		begin = `, "`
		switch v := m.value.(type) {
		case *string:
			dst = pyjson.AppendString(dst, *v)
		case *int:
			dst = strconv.AppendInt(dst, int64(*v), 10)
		case *int64:
			dst = strconv.AppendInt(dst, *v, 10)
		case *bool:
			dst = strconv.AppendBool(dst, *v)
		case *time.Duration: // in seconds, as timestamps are
			dst = AppendAmount(dst, Amount(v.Microseconds()), 6)
		case *Amount:
			dst = AppendAmount(dst, *v, decimals)
		case *Schedule:
			dst = appendMembers(dst, v.members(), decimals)
		}
	}
	return append(dst, '}')
}

// appendContract appends the canonical text of c.
func appendContract(dst []byte, c *Contract) []byte {
	return appendMembers(dst, c.members(), c.Decimals)
}

// MarshalJSON is the canonical text, which is JSON.
func (c Contract) MarshalJSON() ([]byte, error) { return appendContract(nil, &c), nil }

// scanDuration reads seconds as a number, or a duration such as "1m30s".
func scanDuration(s *pyjson.Scanner) (time.Duration, error) {
	if s.Peek() == pyjson.KindString {
		text, err := s.String()
		if err != nil {
			return 0, err
		}
		return time.ParseDuration(text)
	}
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	micros, err := parseUnits(text, 6)
	if err != nil || micros > Amount(MaxEvery.Microseconds()) {
		return 0, fmt.Errorf("seconds are expected, at most %s, with at most six places", MaxEvery)
	}
	return time.Duration(micros) * time.Microsecond, nil
}

// scanNumberText reads a number, or a string that holds one.
func scanNumberText(s *pyjson.Scanner) (string, error) {
	if s.Peek() == pyjson.KindString {
		return s.String()
	}
	return s.Number()
}

func scanText[T ~string](s *pyjson.Scanner, dst *T) error {
	text, err := s.String()
	*dst = T(text)
	return err
}

// scanInt reads a bare integer that fits T.
func scanInt[T int | int64 | uint64 | Seconds](s *pyjson.Scanner) (T, error) {
	text, err := s.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(text, 10, 63)
	if err != nil {
		return 0, fmt.Errorf("%w: %s is not a whole number in range", InvalidField, text)
	}
	return T(n), nil
}

func unknownKey(key string) error { return fmt.Errorf("%w: unknown key %q", InvalidField, key) }

// inField says which field an error is about.
func inField(key string, err error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}
