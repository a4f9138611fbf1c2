package chain

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDecodeContractFillsInDefaults(t *testing.T) {
	c, err := DecodeContract([]byte(`{"wallets": "open"}`))
	require.NoError(t, err)
	want := DefaultContract()
	want.Wallets, want.BPSC, want.HoldFor, want.LooseningDelay = OpenWallets, OpenBPSC, 0, 0
	require.Equal(t, want, c)
}

func TestDecodeContractReadsEveryField(t *testing.T) {
	c, err := DecodeContract([]byte(`{"token":"gold-2","decimals":2,"bpsc":"till","fee_ppm":1000,"fees":"burn",
		"treasurer":"t","issuer":"i","supply":"1000.25","mintable":true,"freezable":true,"wallets":"open",
		"schedule":{"every":"1m30s","transactions":7,"empty":false},"on_request":false}`))
	require.NoError(t, err)
	want := Contract{
		Token: "gold-2", Decimals: 2, BPSC: "till", FeePPM: 1000, Fees: BurnFees, Treasurer: "t", Issuer: "i",
		Supply: 100_025, Mintable: true, Freezable: true, Wallets: OpenWallets,
		Schedule: Schedule{Every: 90 * time.Second, Transactions: 7},
	}
	require.Equal(t, want, c)

	text, err := c.MarshalJSON()
	require.NoError(t, err)
	require.Equal(t, `{"bpsc": "till", "decimals": 2, "fee_ppm": 1000, "fees": "burn", "freezable": true, `+
		`"issuer": "i", "mintable": true, "on_request": false, "schedule": {"empty": false, "every": 90, "transactions": 7}, `+
		`"supply": 1000.25, "token": "gold-2", "treasurer": "t", "wallets": "open"}`, string(text))
	again, err := DecodeContract(text)
	require.NoError(t, err)
	require.Equal(t, c, again)
}

func TestDecodeContractRefuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		code Code
	}{
		"a signed contract with a BPSC of its own": {`{"bpsc":"me"}`, ContractInvalid},
		"an issuer in words":                       {`{"issuer":"me"}`, ContractInvalid},
		"a treasurer without a key":                {`{"treasurer":"` + BPSCAddress("aka") + `"}`, ContractInvalid},
		"holds for ever":                           {`{"hold_for":"2161h"}`, ContractInvalid},
		"holds of an open contract":                {`{"wallets":"open","hold_for":"1h"}`, ContractInvalid},
		"half a second's delay":                    {`{"loosening_delay":0.5}`, ContractInvalid},
		"no JSON":                                  {`{`, ContractInvalid},
		"trailing text":                            {`{"wallets":"open"} x`, ContractInvalid},
		"a misspelt key":                           {`{"wallets":"open","fee":50}`, ContractInvalid},
		"a key twice":                              {`{"wallets":"open","wallets":"open"}`, ContractInvalid},
		"an empty token":                           {`{"wallets":"open","token":""}`, ContractInvalid},
		"a token in capitals":                      {`{"wallets":"open","token":"AKA"}`, ContractInvalid},
		"ten decimals":                             {`{"wallets":"open","decimals":10}`, ContractInvalid},
		"decimals below 0":                         {`{"wallets":"open","decimals":-1}`, ContractInvalid},
		"a fee above all":                          {`{"wallets":"open","fee_ppm":1000001}`, ContractInvalid},
		"a fee in words":                           {`{"wallets":"open","fee_ppm":"50"}`, ContractInvalid},
		"other fees":                               {`{"wallets":"open","fees":"keep"}`, ContractInvalid},
		"other wallets":                            {`{"wallets":"closed"}`, ContractInvalid},
		"supply for nobody":                        {`{"wallets":"open","supply":1}`, ContractInvalid},
		"supply too precise":                       {`{"wallets":"open","issuer":"i","supply":0.0000001}`, ContractInvalid},
		"minting by nobody":                        {`{"wallets":"open","mintable":true}`, ContractInvalid},
		"the till as issuer":                       {`{"wallets":"open","bpsc":"x","issuer":"x"}`, ContractInvalid},
		"a tick too fast":                          {`{"wallets":"open","schedule":{"every":"1ms"}}`, ContractInvalid},
		"a tick below micros":                      {`{"wallets":"open","schedule":{"every":"1000000001ns"}}`, ContractInvalid},
		"a tick in no unit":                        {`{"wallets":"open","schedule":{"every":"1"}}`, ContractInvalid},
		"a negative tick":                          {`{"wallets":"open","schedule":{"every":"-1s"}}`, ContractInvalid},
		"a block too large":                        {`{"wallets":"open","schedule":{"transactions":10001}}`, ContractInvalid},
		"half a transaction":                       {`{"wallets":"open","schedule":{"transactions":1.5}}`, ContractInvalid},
		"an unknown trigger":                       {`{"wallets":"open","schedule":{"bytes":5}}`, ContractInvalid},
		"a name over 128 bytes":                    {`{"wallets":"open","bpsc":"` + longName + `"}`, ContractInvalid},
		"a token that nobody can hold":             {`{"token":"gold"}`, ContractInvalid},
		"an issuer with nothing to issue":          {`{"token":"gold","issuer":"` + someone + `"}`, ContractInvalid},
		"supply without an issuer":                 {`{"token":"gold","supply":1}`, ContractInvalid},
		"freezing by nobody":                       {`{"token":"gold","freezable":true}`, ContractInvalid},
		"minting by nobody, signed":                {`{"token":"gold","mintable":true}`, ContractInvalid},
		"a supply of nothing":                      {`{"token":"gold","issuer":"` + someone + `","supply":0}`, ContractInvalid},
		"a supply that no one can count":           {`{"token":"gold","decimals":0,"issuer":"` + someone + `","supply":1000000000000000}`, ContractInvalid},
		"a supply that the fee eats":               {`{"token":"gold","decimals":0,"issuer":"` + someone + `","supply":1}`, ContractInvalid},
		"a fee of everything":                      {`{"wallets":"open","fee_ppm":1000000}`, ContractInvalid},
		"a fee of everything, signed":              {`{"issuer":"` + someone + `","mintable":true,"fee_ppm":1000000}`, ContractInvalid},
		"no block ever":                            {`{"wallets":"open","on_request":false}`, ContractInvalid},
		"no block but empty ones that never come":  {`{"wallets":"open","on_request":false,"schedule":{"empty":true}}`, ContractInvalid},
		"a lone surrogate":                         {`{"wallets":"open","bpsc":"\ud800"}`, ContractInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := DecodeNewContract([]byte(c.text))
			require.ErrorIs(t, err, c.code)
		})
	}
}

// someone is an address of a key.
var someone = PublicKey{7}.Address()

func TestContractsThatAreOfUse(t *testing.T) {
	for name, text := range map[string]string{
		"the smallest supply that moves":    `{"token":"gold","decimals":0,"issuer":"` + someone + `","supply":2}`,
		"one that is not divided, free":     `{"token":"gold","decimals":0,"fee_ppm":0,"issuer":"` + someone + `","supply":1}`,
		"minted later":                      `{"token":"gold","issuer":"` + someone + `","mintable":true}`,
		"nearly everything as a fee":        `{"wallets":"open","fee_ppm":999999}`,
		"the fastest schedule":              `{"wallets":"open","on_request":false,"schedule":{"every":"100ms"}}`,
		"by count alone":                    `{"wallets":"open","on_request":false,"schedule":{"transactions":1}}`,
		"an open one, of which all is said": `{"wallets":"open"}`,
	} {
		_, err := DecodeNewContract([]byte(text))
		require.NoError(t, err, name)
	}
}

var longName = string(make129())

func make129() []byte {
	b := make([]byte, MaxNameBytes+1)
	for i := range b {
		b[i] = 'x'
	}
	return b
}
