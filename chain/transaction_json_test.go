package chain

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A transaction is sent with each field that is signed, and the signature: never with
// what the ledger finds out.
func TestFieldsOfATransactionThatIsSent(t *testing.T) {
	for i, row := range fields {
		want := row.needs|row.takes != 0 && Field(i) != fieldChain
		_, known := AskedField(row.name)
		require.Equal(t, want, known, row.name)
	}
	for name, text := range map[string]string{
		"the chain's id": `{"chain":"` + Hash{}.String() + `"}`, "a field of records": `{"id":"` + Hash{}.String() + `"}`,
		"none": `{"fee":1}`, "one twice": `{"memo":"a","memo":"b"}`, "more": `{} {}`, "a word for a number": `{"amount":"1"}`,
	} {
		_, err := DecodeTransaction([]byte(text), 6)
		require.ErrorIs(t, err, InvalidField, name)
	}
}
