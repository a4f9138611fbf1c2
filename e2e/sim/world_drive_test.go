package sim

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Where a group ends in a moment in which no step comes, the world hears of it: a run waited
// for a minute of virtual time otherwise.
func TestTheWorldHearsThatAGroupHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &simulation{world: newWorld(1)}
		var group sync.WaitGroup
		group.Go(func() { <-time.After(time.Second) })
		require.True(t, s.world.drive(time.Minute, s.waited(&group)))
		require.Equal(t, time.Second, s.world.since())
	})
}

// Whoever finds a store damaged ends, and lets go of what it holds. One that stayed would keep
// the bubble from its end.
func TestWhoeverFindsAStoreDamagedEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &life{}
		var held sync.Mutex
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			held.Lock()
			defer held.Unlock()
			l.stop(errors.New("damaged"))
		}()
		<-ended
		held.Lock()
		require.ErrorContains(t, *l.broken.Load(), "damaged")
		require.True(t, l.stuck.Load())
	})
}
