package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSameSeedGivesTheSamePlan(t *testing.T) {
	kinds := map[string]Kind{}
	for _, f := range Faults() {
		kinds[f.Name] = f.Kind
	}
	seen := map[string]int{}
	for seed := range uint64(20) {
		for n := range 50 {
			r := New(seed, n, 7*time.Second, Names())
			require.Equal(t, r, New(seed, n, 7*time.Second, Names()))
			require.NotEmpty(t, r.Steps)
			data := 0 // faults that may take a member's data: of two members nobody promises to bring them back
			for _, s := range r.Steps {
				if kinds[s.Fault] == Disk || kinds[s.Fault] == Damage {
					data++
				}
				seen[s.Fault]++
				require.Less(t, s.At, r.Length)
				require.Positive(t, s.For)
			}
			require.LessOrEqual(t, data, 1, r.Steps)
		}
	}
	for _, name := range Names() {
		require.NotZero(t, seen[name], name)
	}
	require.NotEqual(t, New(1, 1, time.Second, Names()), New(2, 1, time.Second, Names()))
}

func TestParse(t *testing.T) {
	all, err := Parse("")
	require.NoError(t, err)
	require.Equal(t, Names(), all)
	some, err := Parse("ring,slow")
	require.NoError(t, err)
	require.Equal(t, []string{"ring", "slow"}, some)
	_, err = Parse("ring,earthquake")
	require.ErrorContains(t, err, "earthquake")
}
