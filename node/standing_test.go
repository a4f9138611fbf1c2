package node

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A node is stuck once its disk does not answer, something that has to end does not, or
// a fatal error has not ended it; not while it is only short of something.
func TestStuck(t *testing.T) {
	for name, c := range map[string]struct {
		before func(*service)
		after  time.Duration
		want   string
	}{
		"nothing":                  {func(*service) {}, time.Second, ""},
		"the disk is silent":       {func(*service) {}, lookPatience + 1, "has not said"},
		"blocks are being taken":   {func(s *service) { s.underWay.begin("a") }, takePatience, ""},
		"blocks are never taken":   {func(s *service) { s.underWay.begin("a") }, takePatience + 1, "a takes longer"},
		"blocks were taken":        {func(s *service) { s.underWay.begin("a")() }, time.Hour, ""},
		"the older one counts":     {func(s *service) { s.underWay.begin("a"); <-time.After(1); s.underWay.begin("b") }, takePatience, "a takes longer"},
		"a fatal error":            {func(s *service) { s.dead.Store(true) }, 0, "it cannot go on"},
		"asked to stop, and quiet": {func(s *service) { s.cancel() }, time.Second, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newService(Common{Data: t.TempDir()})
				defer s.cancel()
				s.fence.Look()
				c.before(s)
				<-time.After(c.after)
				if c.after > lookPatience && c.want != "has not said" {
					s.fence.Look()
				}
				if err := s.stuck(); c.want == "" {
					require.NoError(t, err)
				} else {
					require.ErrorContains(t, err, c.want)
				}
			})
		})
	}
}

func TestReadiness(t *testing.T) {
	require.Equal(t, "ready", readiness(nil))
	require.Equal(t, "not ready: no leader", readiness(errors.New("no leader")))
}
