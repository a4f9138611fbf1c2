package audit

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
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

// Damage that shows while an audit is under way ends the process, and the next one begins
// anew; what the operating system refuses leaves what was made.
func TestAnAuditIsNotGoneOnWithWhatIsDamaged(t *testing.T) {
	var told []error
	r := Restored{Dir: t.TempDir(), Fatal: func(err error) { told = append(told, err) }}
	r.fatal(syscall.ENOSPC)
	require.NoFileExists(t, r.path(endingFile))
	r.fatal(fmt.Errorf("a table: %w", store.ErrDamaged))
	require.FileExists(t, r.path(endingFile))
	require.Len(t, told, 2)
	require.ErrorIs(t, told[1], store.ErrDamaged)
}
