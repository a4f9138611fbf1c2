package chainsync

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// cluster makes chains as a cluster does: with the machine itself, on a store.
// The same calls make the same bytes.
type cluster struct {
	t     testing.TB
	store *store.Store
	command.Requester
	index uint64
	now   int64 // unix microseconds
	sent  int
}

func newCluster(t testing.TB) *cluster {
	t.Helper()
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "cluster")})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	c := &cluster{t: t, store: s, now: 1_800_000_000_000_000}
	machine := fsm.New(s)
	c.Requester = func(_ context.Context, requests [][]byte) []command.Result {
		c.index++
		c.now += 1_000_000
		result, err := machine.Apply(c.index, c.now, requests)
		answers := make([]command.Result, len(requests))
		for i := range requests {
			answers[i] = command.Result{Index: c.index, Err: err}
			if err == nil {
				answers[i].Data = result(i)
			}
		}
		return answers
	}
	return c
}

// create begins an open chain and makes it n blocks long.
func (c *cluster) create(token string, n int) {
	c.t.Helper()
	contract, err := chain.DecodeContract(fmt.Appendf(nil, `{"token":%q,"wallets":"open"}`, token))
	require.NoError(c.t, err)
	_, err = c.CreateContract(context.Background(), contract)
	require.NoError(c.t, err)
	for range n - 1 {
		c.grow(token, 2)
	}
}

// grow makes a block with so many transfers.
func (c *cluster) grow(token string, transfers int) {
	c.t.Helper()
	txs := make([]chain.Transaction, transfers)
	for i := range txs {
		c.sent++
		txs[i] = chain.Transaction{
			ID: chain.DeriveID(fmt.Appendf(nil, "key-%d", c.sent)), Sender: fmt.Sprintf("wallet-%d", c.sent%7),
			Recipient: "bob", Amount: chain.Amount(12_500_000 + c.sent),
		}
	}
	info, err := c.store.Contract(token)
	require.NoError(c.t, err)
	for _, o := range c.Submit(context.Background(), &info.Contract, txs) {
		require.NoError(c.t, o.Err)
		require.Empty(c.t, o.Refused)
	}
	_, err = c.Produce(context.Background(), token)
	require.NoError(c.t, err)
}

// blocks are the canonical bytes of a whole chain.
func blocksOf(t testing.TB, s *store.Store, token string) (blocks [][]byte) {
	t.Helper()
	require.NoError(t, s.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		blocks = append(blocks, append([]byte(nil), canonical...))
		return nil
	}))
	return blocks
}

func (c *cluster) blocks(token string) [][]byte {
	c.t.Helper()
	return blocksOf(c.t, c.store, token)
}
