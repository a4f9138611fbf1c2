package bubble_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/bubble"
)

func TestWhatFallsDueIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began, done := time.Now(), false
		time.AfterFunc(time.Hour, func() { done = true })
		bubble.Pass(time.Hour - 1)
		require.False(t, done)
		bubble.Pass(1)
		require.True(t, done)
		require.Equal(t, time.Hour, time.Since(began))
	})
}

func TestOutsideOfABubbleNobodySleeps(t *testing.T) {
	require.Panics(t, func() { bubble.Pass(time.Hour) })
}
