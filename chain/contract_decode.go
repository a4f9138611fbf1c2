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
		err = c.ValidateNew()
	}
	return c, err
}

// scanContract reads a contract from s without validating it.
func scanContract(s *pyjson.Scanner) (Contract, error) {
	defaults := DefaultContract()
	c := defaults
	var supply string // read once decimals is known
	err := s.Object(func(key string) (err error) {
		switch key {
		case "token":
			c.Token, err = s.String()
		case "decimals":
			c.Decimals, err = scanInt[int](s)
		case "bpsc":
			c.BPSC, err = s.String()
		case "fee_ppm":
			c.FeePPM, err = scanInt[int64](s)
		case "fees":
			err = scanText(s, &c.Fees)
		case "treasurer":
			c.Treasurer, err = s.String()
		case "issuer":
			c.Issuer, err = s.String()
		case "supply":
			supply, err = scanNumberText(s)
		case "mintable":
			c.Mintable, err = s.Bool()
		case "freezable":
			c.Freezable, err = s.Bool()
		case "wallets":
			err = scanText(s, &c.Wallets)
		case "schedule":
			c.Schedule, err = scanSchedule(s)
		case "hold_for":
			c.HoldFor, err = scanDuration(s)
		case "loosening_delay":
			c.LooseningDelay, err = scanDuration(s)
		case "on_request":
			c.OnRequest, err = s.Bool()
		default:
			err = unknownKey(key)
		}
		return inField(key, err)
	})
	if err != nil {
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
	if supply != "" {
		c.Supply, err = ParseAmount(supply, min(max(c.Decimals, 0), MaxDecimals))
	}
	return c, inField("supply", err)
}

func scanSchedule(s *pyjson.Scanner) (Schedule, error) {
	sched := DefaultContract().Schedule
	err := s.Object(func(key string) (err error) {
		switch key {
		case "every":
			sched.Every, err = scanDuration(s)
		case "transactions":
			sched.Transactions, err = scanInt[int](s)
		case "empty":
			sched.Empty, err = s.Bool()
		default:
			err = unknownKey(key)
		}
		return inField(key, err)
	})
	return sched, err
}

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
