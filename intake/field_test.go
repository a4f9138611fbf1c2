package intake

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
)

// Whatever a transaction of some kind may have is read from a body, so that it
// cannot be in the chain's table and not here.
func TestEveryFieldThatIsAskedForIsRead(t *testing.T) {
	values := []string{`"t"`, "7", "true", `"` + chain.Hash{1}.String() + `"`, `"` + chain.Signature{1}.String() + `"`}
	var of chain.FieldSet
	for _, kind := range kinds {
		needs, takes := kind.Asks()
		of |= needs | takes
	}
	amounts := 0
	for f := range chain.Field(32) {
		if !of.Has(f) {
			continue
		}
		if _, is := new(chain.Transaction).Place(f).(*chain.Amount); is {
			amounts++
		}
		require.True(t, slices.ContainsFunc(values, func(value string) bool { return reads(t, f, value) }), "%s is not read", f)
	}
	require.Len(t, Draft{}.numbers, amounts)
}

// reads tells whether a body in which the field has that value is read, and the
// value kept.
func reads(t *testing.T, f chain.Field, value string) bool {
	drafts, _, err := new(Reader).Transaction([]byte(`{"`+f.String()+`": `+value+`}`), Envelope{})
	require.NoError(t, err)
	d := drafts[0]
	if f != chain.FieldMemo {
		require.Equal(t, f.Set(), d.have, f)
	}
	if d.err != nil || d.signed.err != nil {
		return false
	}
	d.have = 0
	require.NotEqual(t, Draft{}, d, "%s was dropped", f)
	return true
}
