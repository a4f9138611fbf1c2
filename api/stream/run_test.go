package stream

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/admission"
	"github.com/bpsc/bpsc/chain"
)

// blocksOfSize yields blocks 1 to length and notes which was read last.
func blocksOfSize(size func(index uint64) int, length uint64, last *uint64) Source {
	return func(from, limit uint64, yield func(uint64, []byte) error) error {
		for i := from; i <= length && i < from+limit; i++ {
			*last = i
			if err := yield(i, make([]byte, size(i))); err != nil {
				return err
			}
		}
		return nil
	}
}

// errFull is what those are told for whom there is no room.
var errFull = errors.New("the memory is full")

func usual(uint64) int { return runBytes / 4 }

// takeAll takes runs until the last block, or an error.
func takeAll(t *testing.T, r *runs) (blocks uint64, err error) {
	t.Helper()
	for r.next < r.end {
		part, err := r.take(context.Background(), 0)
		if err != nil {
			return blocks, err
		}
		require.Equal(t, blocks+1, part.from)
		blocks += uint64(len(part.blocks))
		if part.ended != nil {
			return blocks, part.ended
		}
	}
	return blocks, nil
}

func TestARunIsReadWhileTheOneBeforeIsSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var last uint64
		memory, places := admission.NewMemory(2*runBytes, 1, errFull), admission.NewPlaces(1)
		r := newRuns(memory, places, blocksOfSize(usual, 20, &last), 1, 21)
		for _, want := range []uint64{8, 12, 16, 20, 20} {
			_, err := r.take(t.Context(), 0)
			require.NoError(t, err)
			synctest.Wait()
			require.Equal(t, want, last, "one run is sent, and one more is read")
		}
		r.close()
		require.True(t, allFree(memory, 2*runBytes, places))
	})
}

// A stream has all blocks once and in order, and leaves nothing behind, whatever there is
// no room for.
func TestRunsWithoutRoomToReadAhead(t *testing.T) {
	large := func(i uint64) int { return runBytes / 4 * int(1+i%3*5) }
	broken := errors.New("the disk")
	for name, tc := range map[string]struct {
		size   func(uint64) int
		memory int64
		places int
		length uint64
		ended  error
	}{
		"no place":                   {usual, 10 * runBytes, 0, 50, nil},
		"no room for a second":       {usual, runBytes, 1, 50, nil},
		"no room for a large second": {large, 5 * runBytes, 1, 50, nil},
		"room for all":               {large, 50 * runBytes, 1, 50, nil},
		"the chain ends early":       {usual, 10 * runBytes, 1, 47, chain.NotFound},
		"a block cannot be read":     {usual, 10 * runBytes, 1, 47, broken},
	} {
		t.Run(name, func(t *testing.T) {
			var last uint64
			blocks := blocksOfSize(tc.size, tc.length, &last)
			source := func(from, limit uint64, yield func(uint64, []byte) error) error {
				if err := blocks(from, limit, yield); err != nil || last < tc.length {
					return err
				}
				if tc.ended == broken {
					return broken
				}
				return nil
			}
			memory, places := admission.NewMemory(tc.memory, 1, errFull), admission.NewPlaces(tc.places)
			r := newRuns(memory, places, source, 1, 51)
			n, err := takeAll(t, r)
			require.Equal(t, tc.length, n)
			require.ErrorIs(t, err, tc.ended)
			r.close()
			require.True(t, allFree(memory, tc.memory, places))
		})
	}
}

// Who goes while a run is being read leaves nothing behind.
func TestAStreamThatIsLeft(t *testing.T) {
	var last uint64
	memory, places := admission.NewMemory(4*runBytes, 1, errFull), admission.NewPlaces(1)
	r := newRuns(memory, places, blocksOfSize(usual, 50, &last), 1, 51)
	_, err := r.take(t.Context(), 0)
	require.NoError(t, err)
	r.close()
	require.True(t, allFree(memory, 4*runBytes, places))
}

func allFree(memory *admission.Memory, size int64, places admission.Places) bool {
	release, ok := memory.Try(int(size))
	if ok {
		release()
	}
	return ok && len(places) == 0
}
