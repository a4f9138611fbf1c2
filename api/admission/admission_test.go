package admission

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPlacesAreGivenBack(t *testing.T) {
	p := NewPlaces(1)
	leave, ok := p.Enter()
	require.True(t, ok)
	_, ok = p.Enter()
	require.False(t, ok)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := p.Await(ctx)
	require.ErrorIs(t, err, context.Canceled)
	leave()
	leave, err = p.Await(t.Context())
	require.NoError(t, err)
	leave()
	require.Empty(t, p)
}

func TestMemoryIsBoundedAndGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		full := errors.New("full")
		m := NewMemory(10, 1, full)
		all, err := m.Room(t.Context(), time.Second, 99)
		require.NoError(t, err, "what is larger than all gets all")
		_, ok := m.Try(1)
		require.False(t, ok)

		reads := 0
		read := func() (int, error) { reads++; return 5, nil }
		began := time.Now()
		_, err = m.Hold(t.Context(), time.Second, read)
		require.ErrorIs(t, err, full)
		require.Equal(t, time.Second, time.Since(began), "as long as its patience")

		held := make(chan func())
		go func() {
			release, _ := m.Hold(t.Context(), time.Hour, read)
			held <- release
		}()
		synctest.Wait()
		_, err = m.Hold(t.Context(), time.Second, read)
		require.ErrorIs(t, err, full)
		require.Equal(t, 2, reads, "no more is read than may wait")
		all()
		(<-held)()

		broken := errors.New("disk")
		_, err = m.Hold(t.Context(), time.Second, func() (int, error) { return 5, broken })
		require.ErrorIs(t, err, broken)
		release, ok := m.Try(10)
		require.True(t, ok, "all is given back")
		release()
	})
}

func TestOneMessageASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var l LogLimit
		ok, _ := l.Allow()
		require.True(t, ok)
		for range 5 {
			ok, _ = l.Allow()
			require.False(t, ok)
		}
		<-time.After(time.Second) // the bubble's
		ok, suppressed := l.Allow()
		require.True(t, ok)
		require.EqualValues(t, 5, suppressed)
	})
}
