package audit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/client"
)

// nodes is a stored log of headers.
type nodes []tlog.Hash

func (n nodes) ReadHashes(indexes []int64) (read []tlog.Hash, err error) {
	for _, i := range indexes {
		if i >= int64(len(n)) {
			return nil, chain.NotFound
		}
		read = append(read, n[i])
	}
	return read, nil
}

// Every node of the stored log is looked at, not only those that the newest
// root needs.
func TestStoredLogWithOneOtherNode(t *testing.T) {
	const blocks = 21
	leaf := func(i int64) []byte { return []byte{byte(i)} }
	var good nodes
	for i := range int64(blocks) {
		added, err := tlog.StoredHashesForRecordHash(i, tlog.RecordHash(leaf(i)), good)
		require.NoError(t, err)
		good = append(good, added...)
	}
	check := func(stored nodes) error {
		log := storedLog{stored: stored}
		for i := range int64(blocks) {
			if err := log.next(&block{leaf: leaf(i)}); err != nil {
				return err
			}
		}
		return nil
	}
	require.NoError(t, check(good))
	for i := range good {
		bad := append(nodes{}, good...)
		bad[i][0]++
		require.ErrorIs(t, check(bad), chain.ErrInvalid, "node %d", i)
	}
	require.ErrorIs(t, check(good[:len(good)-1]), chain.ErrInvalid)
}

func TestStallEndsWhatDoesNotMove(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, s, cancel := whileMoving(t.Context(), time.Second)
		defer cancel()
		for range 5 {
			<-time.After(900 * time.Millisecond)
			s.moved()
		}
		require.NoError(t, ctx.Err())
		require.NoError(t, s.explain(nil))
		bad := errors.New("bad")
		require.Equal(t, bad, s.explain(bad))
		start := time.Now()
		<-ctx.Done()
		require.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, s.explain(ctx.Err()), client.ErrUnavailable)
	})
	synctest.Test(t, func(t *testing.T) {
		parent, stop := context.WithCancel(t.Context())
		ctx, s, cancel := whileMoving(parent, time.Second)
		defer cancel()
		stop()
		<-ctx.Done()
		require.ErrorIs(t, s.explain(ctx.Err()), context.Canceled)
		require.NotErrorIs(t, s.explain(ctx.Err()), client.ErrUnavailable)
	})
}
