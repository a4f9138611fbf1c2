package plan

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheSameSeedGivesTheSamePlan(t *testing.T) {
	faults := map[string]Fault{}
	for _, f := range Faults() {
		faults[f.Name] = f
	}
	seen := map[string]int{}
	for seed := range uint64(20) {
		for n := range 50 {
			r := New(seed, n, 7*time.Second, Names())
			require.Equal(t, r, New(seed, n, 7*time.Second, Names()))
			require.NotEmpty(t, r.Steps)
			lost, operators, clocks := 0, 0, 0
			for _, s := range r.Steps {
				switch kind := faults[s.Fault].Kind; {
				case kind == Disk, kind == Damage, s.Fault == "member-removed", s.Fault == "member-replaced":
					lost++
				case kind == Clock:
					clocks++
				}
				switch faults[s.Fault].Kind {
				case Change, Members, Release, Certificate, Restore:
					operators++
				default:
				}
				seen[s.Fault]++
				require.Less(t, s.At, r.Length)
				require.Positive(t, s.For)
			}
			require.LessOrEqual(t, lost, 1, "what two members lose may be a majority's: %v", r.Steps)
			require.LessOrEqual(t, operators, 1, "one change of the cluster after the other: %v", r.Steps)
			require.LessOrEqual(t, clocks, 1, "one clock of three is wrong: %v", r.Steps)
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
