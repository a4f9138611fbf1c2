package attest

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

func yes() bool { return true }

func tokenOf(i int) string { return fmt.Sprint("t", i) }

func signedOf(i int, size uint64) signed {
	return signed{ChainID: chain.DeriveID([]byte(tokenOf(i))), Size: size, Root: chain.DeriveID(fmt.Append(nil, i, size))}
}

// together has n chains write at one moment, and returns what became of each.
func together(g *groups, n int, size uint64) (errs []error) {
	errs = make([]error, n)
	g.disk.Lock()
	var writers sync.WaitGroup
	for i := range n {
		writers.Go(func() { errs[i] = g.write(tokenOf(i), signedOf(i, size)) })
	}
	for waiting := 0; waiting < n; {
		g.mu.Lock()
		waiting = len(g.waiting)
		g.mu.Unlock()
	}
	g.disk.Unlock()
	writers.Wait()
	return errs
}

// has checks that the folder says so to a process that starts now.
func has(t *testing.T, dir string, n int, size uint64) {
	t.Helper()
	g := &groups{parent: dir, shared: yes}
	for i := range n {
		j, err := openJournal(g, tokenOf(i))
		require.NoError(t, err)
		require.Equal(t, signedOf(i, size), j.last)
	}
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, groupsFolder, "*"))
	require.NoError(t, err)
	return files
}

func opened(t *testing.T, dir string) *groups {
	t.Helper()
	g := &groups{parent: dir, shared: yes}
	_, err := g.newest("")
	require.NoError(t, err)
	return g
}

// What a hundred chains are about to sign at one moment is one file, and is on the disk when they
// are told so.
func TestChainsShareAWriteOfTheJournal(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	for size := uint64(1); size <= 3; size++ {
		for _, err := range together(g, 100, size) {
			require.NoError(t, err)
		}
		require.Len(t, filesIn(t, dir), int(size))
		has(t, dir, 100, size)
	}
	require.Len(t, opened(t, dir).tokens(), 100)
}

// A chain that is alone has its own file, and what is newer counts.
func TestTheNewerOfFileAndGroupCounts(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	for size := uint64(1); size < 9; size += 2 {
		together(g, 2, size)
		has(t, dir, 2, size)
		require.NoError(t, g.write(tokenOf(0), signedOf(0, size+1)))
		require.NoError(t, g.write(tokenOf(1), signedOf(1, size+1)))
		has(t, dir, 2, size+1)
	}
}

// Groups do not become many: one has what those before had, whoever was in them.
func TestGroupsAreGathered(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	together(g, 5, 1) // chains 2 to 4 are in no other
	for size := uint64(2); size < 3*maxGroups; size++ {
		together(g, 2, size)
		require.LessOrEqual(t, len(filesIn(t, dir)), maxGroups+1)
		if size%50 == 0 {
			g = opened(t, dir) // a start goes on with the numbers
		}
	}
	at := opened(t, dir)
	require.Equal(t, g.last, at.last)
	require.Equal(t, signedOf(4, 1), at.last[tokenOf(4)])
	require.Equal(t, signedOf(1, 3*maxGroups-1), at.last[tokenOf(1)])
}

// A process that is killed while it removes what a later group has leaves some of it.
func TestWhatALaterGroupHasIsRemovedAtTheStart(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	for size := uint64(1); size <= maxGroups+2; size++ {
		together(g, 2, size)
	}
	kept := filesIn(t, dir)
	require.NoError(t, durable.WriteSealed(g.path(3), group{Number: 3, Signed: map[string]signed{tokenOf(0): signedOf(0, 3)}}))
	require.NoError(t, os.WriteFile(g.path(maxGroups+9)+".tmp", []byte("half"), 0o600))
	has(t, dir, 2, maxGroups+2)
	require.NoError(t, os.Remove(g.path(maxGroups+9)+".tmp"))
	require.Equal(t, kept, filesIn(t, dir))
}

// What is damaged or missing is no start, and no chain is signed then.
func TestGroupsThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, g *groups)
		says  string
	}{
		"damaged": {func(t *testing.T, g *groups) {
			text, err := os.ReadFile(g.path(3))
			require.NoError(t, err)
			text[len(text)/2] ^= 1
			require.NoError(t, os.WriteFile(g.path(3), text, 0o600))
		}, "checksum does not match"},
		"half":              {func(t *testing.T, g *groups) { require.NoError(t, os.Truncate(g.path(3), 30)) }, "checksum does not match"},
		"one missing":       {func(t *testing.T, g *groups) { require.NoError(t, os.Remove(g.path(2))) }, "group 2 is missing"},
		"the first missing": {func(t *testing.T, g *groups) { require.NoError(t, os.Remove(g.path(1))) }, "group 1 is missing"},
		"another's name":    {func(t *testing.T, g *groups) { require.NoError(t, os.Rename(g.path(3), g.path(1))) }, "it says nothing"},
		"empty": {func(t *testing.T, g *groups) {
			require.NoError(t, durable.WriteSealed(g.path(3), group{Number: 3}))
		}, "it says nothing"},
		"no number": {func(t *testing.T, g *groups) {
			require.NoError(t, os.WriteFile(filepath.Join(g.folder(), "x.json"), nil, 0o600))
		}, "x.json is no group"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			g := opened(t, dir)
			for size := uint64(1); size <= 3; size++ {
				together(g, 2, size)
			}
			if name == "another's name" {
				require.NoError(t, os.Remove(g.path(2)))
			}
			c.spoil(t, g)
			_, err := openJournal(&groups{parent: dir, shared: yes}, "any")
			require.ErrorContains(t, err, c.says)
			require.ErrorContains(t, err, "without it it signs nothing")
			require.ErrorIs(t, err, ErrForgot)
		})
	}
}

// A group for which there is no room is nobody's, and the next one takes its place.
func TestAGroupThatCannotBeWritten(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	together(g, 2, 1)
	require.NoError(t, os.Symlink("/dev/full", g.path(2)+".tmp"))
	for _, err := range together(g, 2, 2) {
		require.ErrorIs(t, err, syscall.ENOSPC)
	}
	has(t, dir, 2, 1)
	for _, err := range together(g, 2, 3) {
		require.NoError(t, err)
	}
	has(t, dir, 2, 3)
	require.Len(t, filesIn(t, dir), 2)
}

// A release before does not know groups: where one may come back, each chain has its own file,
// and waits for no other.
func TestNoGroupsBeforeTheLevel(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	g.shared = func() bool { return false }
	g.disk.Lock()
	for i := range 3 {
		require.NoError(t, g.write(tokenOf(i), signedOf(i, 1)))
	}
	g.disk.Unlock()
	require.Empty(t, filesIn(t, dir))
	has(t, dir, 3, 1)
}

// What a later group has all of is of no use to anybody: that it cannot be removed stops nobody,
// now or at the next start.
func TestAGroupThatCannotBeRemovedStopsNobody(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	for size := uint64(1); size <= maxGroups; size++ {
		for _, err := range together(g, 2, size) {
			require.NoError(t, err)
		}
	}
	require.NoError(t, os.Remove(g.path(1)))
	require.NoError(t, os.MkdirAll(filepath.Join(g.path(1), "not empty"), 0o700))
	for _, err := range together(g, 2, maxGroups+1) {
		require.NoError(t, err)
	}
	require.DirExists(t, g.path(1))
	has(t, dir, 2, maxGroups+1)
	require.DirExists(t, g.path(1))
}

// Chains that sign at their own pace lose nothing to each other.
func TestWritersAtTheSameTime(t *testing.T) {
	dir := t.TempDir()
	g := opened(t, dir)
	var writers sync.WaitGroup
	for i := range 50 {
		writers.Go(func() {
			for size := uint64(1); size <= 20; size++ {
				if err := g.write(tokenOf(i), signedOf(i, size)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	has(t, dir, 50, 20)
}

// How many chains a second find what they are about to sign on the disk, where a thousand do so
// at the same time: each alone, and in groups.
func BenchmarkAThousandWriters(b *testing.B) {
	for name, shared := range map[string]bool{"alone": false, "groups": true} {
		b.Run(name, func(b *testing.B) {
			g := &groups{parent: b.TempDir(), shared: func() bool { return shared }}
			if _, err := g.newest(""); err != nil {
				b.Fatal(err)
			}
			var writers sync.WaitGroup
			for size := range uint64(b.N) {
				for i := range 1000 {
					writers.Go(func() {
						if err := g.write(tokenOf(i), signedOf(i, size+1)); err != nil {
							b.Error(err)
						}
					})
				}
				writers.Wait()
			}
			b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "writes/s")
		})
	}
}
