package membership

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWhatALeaderDoesByItself(t *testing.T) {
	changing := world("n1", "n2 non-voter caught-up")
	changing.Changing = true
	for name, tc := range map[string]struct {
		state State
		want  string // "" is nothing
	}{
		"nothing":                          {world("n1", "n2", "n3"), ""},
		"promotes what has caught up":      {world("n1", "n2", "n3", "n4 non-voter caught-up"), "n4 has caught up and is a voter"},
		"not while something else happens": {changing, ""},
		"not yet":                          {world("n1", "n2", "n3", "n4 non-voter fresh"), ""},
		"not what lags":                    {world("n1", "n2", "n3", "n4 non-voter lags"), ""},
		"not what stays":                   {world("n1", "n2", "n3", "n4 stays caught-up"), ""},
		"not what has no key":              {world("n1", "n2", "n3", "n4 non-voter caught-up keyless"), ""},
		"not what is down":                 {world("n1", "n2", "n3", "n4 non-voter caught-up down"), ""},
		"promotes a replacement":           {world("n1", "n2", "n3 down", "n3~"+one+" non-voter caught-up"), "n3 has caught up and is a voter"},
		"not a replacement that lags":      {world("n1", "n2", "n3 down", "n3~"+one+" non-voter lags"), ""},
		"removes what is replaced":         {world("n1", "n2", "n3 down", "n3~"+one), "the old n3 is removed, and never comes back"},
		"keeps it when the new one dies":   {world("n1", "n2", "n3", "n3~"+one+" down"), ""},
		"removes a replaced non-voter":     {world("n1", "n2", "n3", "n4 stays down", "n4~"+one+" stays caught-up"), "the old n4 is removed, and never comes back"},
		"not before the new one is there":  {world("n1", "n2", "n3", "n4 stays down", "n4~"+one+" stays lags"), ""},
		"makes way when it is replaced":    {world("n1", "n2", "n3", "n1~"+one), "n2 leads"},
		"not at the majority's cost":       {world("n1", "n2", "n2~"+one, "n3 down", "n4 down"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			step, found := Next(tc.state)
			require.Equal(t, tc.want != "", found)
			require.Equal(t, tc.want, step.What)
		})
	}
}

func TestWhatANonVoterWaitsFor(t *testing.T) {
	for text, want := range map[string]string{
		"n2":                   "",
		"n2 stays":             "",
		"n2 non-voter down":    "it does not answer",
		"n2 non-voter lags":    "it lags 101 entries, and at most 100 are allowed",
		"n2 non-voter keyless": "it has not announced its key yet",
		"n2 non-voter fresh":   "it has to stay caught up for 5s",
	} {
		s := world("n1", text)
		require.Equal(t, want, s.Waits(s.Members[1]), text)
	}
}
