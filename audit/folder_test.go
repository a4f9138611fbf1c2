package audit_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/datafolder"
	"github.com/bpsc/bpsc/store"
)

// folderOf is the folder of a follower that has stopped. change may be nil.
func folderOf(t *testing.T, blocks [][]byte, note []byte, change func(tx *store.Tx) error) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(store.Config{Dir: filepath.Join(dir, "state"), Log: true})
	require.NoError(t, err)
	var v chain.Verifier
	adopter := fsm.NewAdopter(s)
	for _, b := range blocks {
		c, err := v.Check(b)
		require.NoError(t, err)
		require.NoError(t, v.Link(c))
		_, err = adopter.Adopt("aka", []chain.Checked{c})
		require.NoError(t, err)
	}
	if change != nil {
		require.NoError(t, s.Update(s.AppliedIndex()+1, change))
	}
	require.NoError(t, s.Close())
	if note != nil {
		require.NoError(t, os.Mkdir(filepath.Join(dir, "checkpoints"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "checkpoints", "aka.checkpoint"), note, 0o600))
	}
	return dir
}

// open returns the one chain of a folder.
func open(t *testing.T, dir string) *audit.Stored {
	t.Helper()
	f, err := audit.OpenFolder(dir, nil)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	chains, err := f.Chains("")
	require.NoError(t, err)
	require.Len(t, chains, 1)
	return chains[0]
}

func TestVerifyAFolder(t *testing.T) {
	blocks := forge(nil, nil)
	note := noteOf(t, checkpointOf(t, blocks[:3]), "n1", "n2")
	c := open(t, folderOf(t, blocks, note, nil))
	require.Equal(t, "aka", c.Token())
	report, err := audit.Verify(t.Context(), c, audit.Options{Policies: policyOf(t, "n1", "n2", "n3")})
	require.NoError(t, err)
	require.EqualValues(t, 5, report.Blocks)
	require.EqualValues(t, 3, report.Checkpoint.Size)
	require.Equal(t, []string{audit.CheckBlocks, audit.CheckCheckpoint, audit.CheckStoredLog, audit.CheckStored}, report.Checks)

	c = open(t, folderOf(t, blocks, nil, nil))
	report, err = audit.Verify(t.Context(), c, audit.Options{})
	require.NoError(t, err)
	require.Nil(t, report.Checkpoint)
	requireFound(t, c, audit.Options{Policies: policyOf(t, "n1", "n2", "n3")}, want{audit.CheckCheckpoint, 0, -1, proof.ErrMinority, "no checkpoint"})
}

// A token that no record accounts for.
func richer(tx *store.Tx) error {
	h := tx.Head("aka")
	before := tx.Account(h, "bob")
	now := before
	now.Balance += 1_000_000
	tx.SetAccount(h, "bob", before, now)
	return nil
}

func TestWhatIsStoredBesideTheBlocks(t *testing.T) {
	blocks := forge(nil, nil)
	requireFound(t, open(t, folderOf(t, blocks, nil, richer)), audit.Options{}, want{audit.CheckStored, 0, -1, nil, `account "bob" has`})
}

// The same is wrong with a copy of a running node's folder and with the folder
// itself, but only of the latter it says something.
func TestACopyIsNotCalledAltered(t *testing.T) {
	dir := folderOf(t, forge(nil, nil), nil, richer)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "LOCK"), []byte("another file"), 0o600))
	f, err := audit.OpenFolder(dir, nil)
	require.NoError(t, err)
	defer f.Close()
	require.True(t, f.Copied())
	chains, err := f.Chains("aka")
	require.NoError(t, err)
	report, err := audit.Verify(t.Context(), chains[0], audit.Options{})
	require.ErrorIs(t, err, audit.ErrCopied)
	require.NotErrorIs(t, err, chain.ErrInvalid)
	require.Nil(t, report.Found)
	_, err = f.Chains("toy")
	require.ErrorContains(t, err, "is in its raft log")
}

func TestADamagedFolder(t *testing.T) {
	dir := folderOf(t, forge(nil, nil), nil, nil)
	files, err := filepath.Glob(filepath.Join(dir, "state", "db-*", "*.sst"))
	require.NoError(t, err)
	if len(files) == 0 {
		files, err = filepath.Glob(filepath.Join(dir, "state", "db-*", "MANIFEST-*"))
		require.NoError(t, err)
	}
	require.NotEmpty(t, files)
	for _, file := range files {
		require.NoError(t, os.Remove(file))
	}
	_, err = audit.OpenFolder(dir, nil)
	require.ErrorIs(t, err, chain.ErrInvalid)
	require.ErrorIs(t, err, store.ErrDamaged)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "LOCK"), []byte("another file"), 0o600))
	_, err = audit.OpenFolder(dir, nil)
	require.ErrorIs(t, err, audit.ErrCopied)
	require.NotErrorIs(t, err, chain.ErrInvalid)
}

func TestFoldersThatCannotBeOpened(t *testing.T) {
	dir := folderOf(t, forge(nil, nil), nil, nil)
	lock, err := datafolder.Take(dir)
	require.NoError(t, err)
	_, err = audit.OpenFolder(dir, nil)
	require.ErrorIs(t, err, datafolder.ErrInUse)
	require.NoError(t, lock.Release())

	empty := t.TempDir()
	_, err = audit.OpenFolder(empty, nil)
	require.ErrorContains(t, err, "not the data folder of a node")
	entries, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, entries)

	f, err := audit.OpenFolder(dir, nil)
	require.NoError(t, err)
	defer f.Close()
	_, err = f.Chains("toy")
	require.ErrorIs(t, err, chain.ContractUnknown)
}
