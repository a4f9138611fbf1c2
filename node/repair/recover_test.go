package repair

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/node/folder"
)

func TestReachIsReadAsItIsWritten(t *testing.T) {
	r, err := ParseReach("5/120")
	require.NoError(t, err)
	require.Equal(t, Reach{Term: 5, Entry: 120}, r)
	require.Equal(t, "5/120", r.String())
	for _, text := range []string{"", "5", "5/", "/5", "5/120x", "-5/1", "5/1/2"} {
		_, err := ParseReach(text)
		require.Error(t, err, text)
	}
}

// The one that goes on has to be the one with the most, or to know that it is not.
func TestWhoHasTheMostIsSaidInWords(t *testing.T) {
	one, two := make([]roster.Peer, 1), make([]roster.Peer, 2)
	for name, tc := range map[string]struct {
		members []roster.Peer
		most    Reach
		behind  bool
		err     error
	}{
		"alone":                      {one, Reach{}, false, nil},
		"alone, and said":            {one, Reach{5, 100}, false, nil},
		"alone, and another has it":  {one, Reach{5, 101}, false, ErrNotTheMost},
		"of two, not said":           {two, Reach{}, false, folder.ErrUsage},
		"of two the one with most":   {two, Reach{5, 100}, false, nil},
		"of two the other":           {two, Reach{5, 101}, true, nil},
		"of two one of an old term":  {two, Reach{6, 7}, true, nil},
		"it has more than was said":  {two, Reach{5, 99}, false, ErrNotTheMost},
		"it has a later term itself": {two, Reach{4, 500}, false, ErrNotTheMost},
	} {
		t.Run(name, func(t *testing.T) {
			r := &Recover{Members: tc.members, Most: tc.most}
			behind, err := r.behind(Reach{5, 100})
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.behind, behind)
		})
	}
}
