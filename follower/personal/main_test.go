package personal

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a time that tests move.
type clock struct{ micros atomic.Int64 }

func newClock(micros int64) *clock {
	c := &clock{}
	c.micros.Store(micros)
	return c
}

func (c *clock) now() time.Time { return time.UnixMicro(c.micros.Load()) }

const noon = 1_795_364_515_082_559

// newChain opens a new chain in a folder of its own.
func newChain(t *testing.T) (c *Chain, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "personal.db")
	return openChain(t, path), path
}

func openChain(t *testing.T, path string) *Chain {
	t.Helper()
	c, err := Open(path, newClock(noon).now)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// add adds information that must be taken.
func add(t *testing.T, c *Chain, information string) (block uint64) {
	t.Helper()
	block, err := c.Add([]byte(information))
	require.NoError(t, err)
	return block
}

func forge(t *testing.T, c *Chain) Block {
	t.Helper()
	b, err := c.Forge()
	require.NoError(t, err)
	return b
}

// texts reads the chain.
func texts(t *testing.T, c *Chain, from, limit uint64) (texts []string) {
	t.Helper()
	want := max(from, 1)
	require.NoError(t, c.Blocks(from, limit, func(index uint64, text []byte) error {
		require.Equal(t, want, index)
		want++
		texts = append(texts, string(text))
		return nil
	}))
	return texts
}

// information reads what a block holds.
func information(t *testing.T, text []byte) (found []string) {
	t.Helper()
	var b struct {
		Information []struct{ Information json.RawMessage }
	}
	require.NoError(t, json.Unmarshal(text, &b))
	for _, item := range b.Information {
		found = append(found, string(item.Information))
	}
	return found
}

// copyFile copies the file as a crash would leave it: nothing is written
// meanwhile, and whatever was answered is in it.
func copyFile(t *testing.T, from string) (to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	require.NoError(t, err)
	to = filepath.Join(t.TempDir(), "copy.db")
	require.NoError(t, os.WriteFile(to, data, 0o600))
	return to
}
