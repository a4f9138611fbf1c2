package chain

import (
	"fmt"
	"math/bits"
	"strconv"
	"strings"
)

// Amount is a quantity of a token in base units: tokens × 10^decimals. It is
// an integer because money is counted, not measured.
type Amount int64

// ParseAmount reads tokens written as a JSON number or the same text in a
// string, exactly and without a float in between. It refuses a sign, more
// places than decimals (an exponent is resolved first, and zeros at the end are
// none), and anything outside 1 ≤ units ≤ MaxUnits.
func ParseAmount(text string, decimals int) (Amount, error) {
	if strings.HasPrefix(text, "-") {
		if _, err := parseUnits(text[1:], decimals); err != nil && err != AmountTooLarge {
			return 0, err
		}
		return 0, fmt.Errorf("%w: an amount has no sign", AmountNotPositive)
	}
	units, err := parseUnits(text, decimals)
	switch err {
	case nil:
	case AmountTooPrecise:
		return 0, fmt.Errorf("%w: this token has %d decimal places", AmountTooPrecise, decimals)
	case AmountTooLarge:
		return 0, fmt.Errorf("%w: at most %s", AmountTooLarge, AppendAmount(nil, MaxUnits, decimals))
	default:
		return 0, fmt.Errorf("%w: a decimal number is expected", err)
	}
	if units == 0 {
		return 0, fmt.Errorf("%w: an amount is more than nothing", AmountNotPositive)
	}
	return units, nil
}

// parseUnits reads an unsigned decimal number, exponent included, as base
// units. Its errors are bare codes.
func parseUnits(text string, decimals int) (Amount, error) {
	mantissa, exponent := text, 0
	if i := strings.IndexAny(text, "eE"); i >= 0 {
		var err error
		if mantissa, exponent, err = splitExponent(text, i); err != nil {
			return 0, err
		}
	}
	whole, fraction, dotted := strings.Cut(mantissa, ".")
	if whole == "" || dotted && fraction == "" || len(whole) > 1 && whole[0] == '0' {
		return 0, AmountInvalid
	}
	if !allDigits(whole) || !allDigits(fraction) {
		return 0, AmountInvalid
	}
	digits := strings.TrimLeft(whole+fraction, "0")
	if digits == "" {
		return 0, nil
	}
	places := len(fraction) - exponent
	if places > decimals+MaxIdleZeros {
		return 0, AmountTooPrecise
	}
	for places > decimals && digits[len(digits)-1] == '0' {
		digits, places = digits[:len(digits)-1], places-1
	}
	if places > decimals {
		return 0, AmountTooPrecise
	}
	// MaxUnits has 15 digits: anything longer is too large whatever it says.
	zeros := decimals - places
	if len(digits)+zeros > 15 {
		return 0, AmountTooLarge
	}
	units, err := strconv.ParseInt(digits+strings.Repeat("0", zeros), 10, 64)
	if err != nil {
		return 0, AmountInvalid
	}
	return Amount(units), nil
}

// splitExponent cuts a number at the exponent mark found at i. An exponent of
// more than three digits cannot belong to an amount in range.
func splitExponent(text string, i int) (mantissa string, exponent int, err error) {
	sign, power := 1, text[i+1:]
	switch {
	case strings.HasPrefix(power, "-"):
		sign, power = -1, power[1:]
	case strings.HasPrefix(power, "+"):
		power = power[1:]
	}
	if power == "" || !allDigits(power) {
		return "", 0, AmountInvalid
	}
	power = strings.TrimLeft(power, "0")
	if len(power) > 3 {
		if sign > 0 {
			return "", 0, AmountTooLarge
		}
		return "", 0, AmountTooPrecise
	}
	if power != "" {
		exponent, _ = strconv.Atoi(power) // at most three digits
	}
	return text[:i], sign * exponent, nil
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// AppendAmount appends a in tokens as the canonical form writes it: whole
// numbers bare, others as Python's repr of the nearest double. Up to 15 digits
// that repr is the decimal number itself with its trailing zeros off, with an
// exponent below 0.0001, so no float is needed.
func AppendAmount(dst []byte, a Amount, decimals int) []byte {
	if a < 0 {
		dst = append(dst, '-')
		a = -a
	}
	unit := pow10(decimals)
	whole, rest := int64(a)/unit, int64(a)%unit
	if rest == 0 {
		return strconv.AppendInt(dst, whole, 10)
	}
	for rest%10 == 0 {
		rest /= 10
		decimals--
	}
	var buf [20]byte
	digits := strconv.AppendInt(buf[:0], rest, 10)
	zeros := decimals - len(digits) // between the point and the first digit
	if whole == 0 && zeros >= 4 {
		dst = append(dst, digits[0])
		if len(digits) > 1 {
			dst = append(append(dst, '.'), digits[1:]...)
		}
		return append(dst, 'e', '-', '0', byte('1'+zeros))
	}
	dst = append(strconv.AppendInt(dst, whole, 10), '.')
	for range zeros {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// pow10 is 10^n for 0 ≤ n ≤ MaxDecimals.
func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// Fee is ceil(amount × ppm / 1,000,000): rounding never makes a transfer
// free. The product is taken in 128 bits. amount is not negative.
func Fee(amount Amount, ppm int64) Amount {
	hi, lo := bits.Mul64(uint64(amount), uint64(ppm))
	lo, carry := bits.Add64(lo, MaxPPM-1, 0)
	fee, _ := bits.Div64(hi+carry, lo, MaxPPM)
	return Amount(fee)
}

// Plus adds two amounts; ok is false when the sum leaves ±MaxUnits. Inputs
// within that range cannot overflow an int64.
func (a Amount) Plus(b Amount) (sum Amount, ok bool) {
	sum = a + b
	return sum, sum >= -MaxUnits && sum <= MaxUnits
}
