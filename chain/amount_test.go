package chain

import (
	"math/big"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain/pyjson"
)

func TestParseAmount(t *testing.T) {
	for _, c := range []struct {
		text     string
		decimals int
		units    Amount
		err      error
	}{
		{"1", 6, 1_000_000, nil},
		{"1000000", 6, 1_000_000_000_000, nil},
		{"12.5", 6, 12_500_000, nil},
		{"0.000001", 6, 1, nil},
		{"1e-06", 6, 1, nil},
		{"5e-05", 6, 50, nil},
		{"1E6", 6, 1_000_000_000_000, nil},
		{"1.5e+3", 6, 1_500_000_000, nil},
		{"1e0000000000000000002", 6, 100_000_000, nil},
		{"1.50", 6, 1_500_000, nil},
		{"999999999.999999", 6, MaxUnits, nil},
		{"999999999999999", 0, MaxUnits, nil},
		{"1000000000", 6, 0, AmountTooLarge},
		{"1000000000000000", 0, 0, AmountTooLarge},
		{"1e400", 6, 0, AmountTooLarge},
		{"1e99999999999999999999", 6, 0, AmountTooLarge},
		{"1e-99999999999999999999", 6, 0, AmountTooPrecise},
		{"0.0000001", 6, 0, AmountTooPrecise},
		{"1.0000000", 6, 1_000_000, nil},
		{"1.00000000", 6, 1_000_000, nil},
		{"1.0", 0, 1, nil},
		{"12.340000000000000000000000", 2, 1_234, nil},
		{"10e-7", 6, 1, nil},
		{"100e-2", 0, 1, nil},
		{"0.00000010e1", 6, 1, nil},
		{"1." + strings.Repeat("0", 6+MaxIdleZeros), 6, 1_000_000, nil},
		{"1." + strings.Repeat("0", 7+MaxIdleZeros), 6, 0, AmountTooPrecise},
		{"1.00000001", 6, 0, AmountTooPrecise},
		{"1.00000010", 6, 0, AmountTooPrecise},
		{"10e-8", 6, 0, AmountTooPrecise},
		{"0.00000000", 6, 0, AmountNotPositive},
		{"999999999.9999990", 6, MaxUnits, nil},
		{"9999999999.0000000", 6, 0, AmountTooLarge},
		{"1.23456789e1", 6, 0, AmountTooPrecise},
		{"0.5", 0, 0, AmountTooPrecise},
		{"0", 6, 0, AmountNotPositive},
		{"0.000", 6, 0, AmountNotPositive},
		{"0e5", 6, 0, AmountNotPositive},
		{"-1", 6, 0, AmountNotPositive},
		{"-0", 6, 0, AmountNotPositive},
		{"-1e400", 6, 0, AmountNotPositive},
		{"+1", 6, 0, AmountInvalid},
		{"", 6, 0, AmountInvalid},
		{"-", 6, 0, AmountInvalid},
		{".5", 6, 0, AmountInvalid},
		{"5.", 6, 0, AmountInvalid},
		{"01", 6, 0, AmountInvalid},
		{"1e", 6, 0, AmountInvalid},
		{"1e+", 6, 0, AmountInvalid},
		{"1e1.5", 6, 0, AmountInvalid},
		{"1 ", 6, 0, AmountInvalid},
		{"1_000", 6, 0, AmountInvalid},
		{"0x10", 6, 0, AmountInvalid},
		{"NaN", 6, 0, AmountInvalid},
		{"Infinity", 6, 0, AmountInvalid},
		{"١", 6, 0, AmountInvalid},
	} {
		units, err := ParseAmount(c.text, c.decimals)
		require.ErrorIs(t, err, c.err, "%q", c.text)
		require.Equal(t, c.units, units, "%q", c.text)
	}
}

// The canonical text of an amount is what Python prints for the nearest
// double, and reads back as the same amount.
func TestAmountTextIsThatOfTheNearestDouble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		units := rapid.OneOf(rapid.Int64Range(1, 1000), rapid.Int64Range(1, int64(MaxUnits))).Draw(t, "units")
		decimals := rapid.IntRange(0, MaxDecimals).Draw(t, "decimals")
		text := string(AppendAmount(nil, Amount(units), decimals))
		back, err := ParseAmount(text, decimals)
		require.NoError(t, err)
		require.Equal(t, Amount(units), back)
		require.Equal(t, "-"+text, string(AppendAmount(nil, Amount(-units), decimals)))

		if units%pow10(decimals) == 0 {
			require.Equal(t, strconv.FormatInt(units/pow10(decimals), 10), text)
			return
		}
		double, _ := new(big.Rat).SetFrac64(units, pow10(decimals)).Float64()
		require.Equal(t, string(pyjson.AppendFloat(nil, double)), text)
	})
}

func TestTimestampTextIsThatOfTheNearestDouble(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.OneOf(rapid.Int64Range(0, int64(MaxTimestamp)), rapid.Int64Range(1_700_000_000_000_000, 2_200_000_000_000_000)).Draw(t, "micros")
		double, _ := new(big.Rat).SetFrac64(micros, 1_000_000).Float64()
		require.Equal(t, string(pyjson.AppendFloat(nil, double)), string(AppendTimestamp(nil, Micros(micros))))
	})
}

func TestFee(t *testing.T) {
	for _, c := range []struct {
		amount Amount
		ppm    int64
		fee    Amount
	}{
		{1_000_000_000_000, 50, 50_000_000},
		{1_000_000, 50, 50},
		{20_000, 50, 1},
		{20_001, 50, 2},
		{1, 50, 1},
		{1, 1, 1},
		{1, 0, 0},
		{MaxUnits, 0, 0},
		{MaxUnits, MaxPPM, MaxUnits},
		{MaxUnits, 999_999, 999_998_999_999_999 + 1},
	} {
		require.Equal(t, c.fee, Fee(c.amount, c.ppm), "%d at %d ppm", c.amount, c.ppm)
	}
}

func TestFeeIsTheCeilingOfTheExactProduct(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(1, int64(MaxUnits)).Draw(t, "amount")
		ppm := rapid.Int64Range(0, MaxPPM).Draw(t, "ppm")
		fee := big.NewInt(int64(Fee(Amount(amount), ppm)))
		exact := new(big.Int).Mul(big.NewInt(amount), big.NewInt(ppm))
		scaled := new(big.Int).Mul(fee, big.NewInt(MaxPPM))
		require.GreaterOrEqual(t, scaled.Cmp(exact), 0)
		require.Less(t, new(big.Int).Sub(scaled, exact).Cmp(big.NewInt(MaxPPM)), 0)
	})
}

func TestPlusStaysInRange(t *testing.T) {
	sum, ok := MaxUnits.Plus(-1)
	require.True(t, ok)
	require.Equal(t, MaxUnits-1, sum)
	_, ok = MaxUnits.Plus(1)
	require.False(t, ok)
	_, ok = (-MaxUnits).Plus(-1)
	require.False(t, ok)
}

func FuzzParseAmount(f *testing.F) {
	for _, s := range []string{"1", "0.000001", "1e-06", "9.99e8", "-5", "1e400", strings.Repeat("9", 40)} {
		f.Add(s, 6)
	}
	f.Fuzz(func(t *testing.T, text string, decimals int) {
		if decimals < 0 || decimals > MaxDecimals {
			return
		}
		units, err := ParseAmount(text, decimals)
		if err != nil {
			return
		}
		exact, ok := new(big.Rat).SetString(text)
		require.True(t, ok)
		require.Zero(t, exact.Cmp(new(big.Rat).SetFrac64(int64(units), pow10(decimals))), "%q", text)
	})
}
