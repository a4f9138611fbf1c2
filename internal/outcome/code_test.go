package outcome

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCodeOfAnError(t *testing.T) {
	for name, tc := range map[string]struct {
		err  error
		want Code
	}{
		"nothing":                         {nil, ""},
		"another's":                       {context.Canceled, ""},
		"itself":                          {QueueFull, QueueFull},
		"wrapped":                         {fmt.Errorf("at the leader: %w", NoLeader), NoLeader},
		"the first of two":                {fmt.Errorf("%w: %w", NotOrdered, ShuttingDown), NotOrdered},
		"an unknown outcome behind it":    {fmt.Errorf("%w: %w", NoUpstream, Unknown), Unknown},
		"an unknown outcome in front":     {errors.Join(Unknown, ShuttingDown), Unknown},
		"one that can be sent again":      {fmt.Errorf("relay: %w", &UnknownError{Key: "k", Err: context.Canceled}), Unknown},
		"what an unknown outcome is from": {&UnknownError{Err: NoLeader}, Unknown},
	} {
		t.Run(name, func(t *testing.T) {
			code, found := Of(tc.err)
			require.Equal(t, tc.want, code)
			require.Equal(t, tc.want != "", found)
		})
	}
	require.Equal(t, "outcome unknown", Unknown.Error())
}

func TestUnknownOutcomeIsBoth(t *testing.T) {
	cause := errors.New("cause")
	var err error = &UnknownError{Err: cause}
	require.ErrorIs(t, err, Unknown)
	require.ErrorIs(t, err, cause)
	require.ErrorContains(t, err, "cause")
}
