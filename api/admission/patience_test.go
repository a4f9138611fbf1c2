package admission

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/bubble"
)

// Each request has at least its limit and a hundredth more at most, ends with its own
// server, and knows what is its own, however many share a context.
func TestPatience(t *testing.T) {
	type key struct{}
	synctest.Test(t, func(t *testing.T) {
		server, stop := context.WithCancel(context.Background())
		defer stop()
		p := NewPatience(10 * time.Second)
		began := time.Now()
		first := p.Within(context.WithValue(server, key{}, 1))
		bubble.Pass(99 * time.Millisecond)
		second := p.Within(context.WithValue(server, key{}, 2))
		require.Equal(t, first.Done(), second.Done(), "they share one")
		require.Equal(t, 1, first.Value(key{}))
		require.Equal(t, 2, second.Value(key{}))

		bubble.Pass(time.Millisecond)
		third := p.Within(server)
		require.NotEqual(t, first.Done(), third.Done(), "a step later it is another one")

		<-second.Done()
		require.ErrorIs(t, second.Err(), context.DeadlineExceeded)
		require.Equal(t, 10*time.Second+100*time.Millisecond, time.Since(began))
		require.NoError(t, third.Err())

		other, stopOther := context.WithCancel(context.Background())
		fourth := p.Within(other)
		fifth := p.Within(server)
		stopOther()
		<-fourth.Done()
		require.ErrorIs(t, fourth.Err(), context.Canceled)
		require.NoError(t, fifth.Err(), "that of another server goes on")
		require.NoError(t, p.Within(server).Err())
		stop()
		<-fifth.Done()
	})
}
