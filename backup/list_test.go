package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// fill puts backups of both kinds into a folder: states at hours 0, 1, 2, …, and a
// chain with an increment after each but every third, which is all of it.
func fill(t *testing.T, count int) (p Folder, states, chains []string) {
	w := newWorld(t)
	p = Folder(filepath.Join(t.TempDir(), "backups"))
	for i := range count {
		w.pay(2)
		b := begin()
		name := StateName(b.Taken)
		_, err := PutStream(t.Context(), p, name, func(out io.Writer) (Manifest, error) {
			return WriteState(t.Context(), out, w.source(), b)
		})
		require.NoError(t, err)
		states = append(states, name)
		m, err := w.copy(p, i%3 != 0)
		require.NoError(t, err)
		chains = append(chains, ChainName(m.Chains[0], m.Taken))
	}
	return p, states, chains
}

func TestAListSaysWhatIsWhole(t *testing.T) {
	p, states, chains := fill(t, 2)
	require.NoError(t, os.WriteFile(p.path("somebody-elses"), nil, 0o600))
	cut := func(name string, by int64) {
		info, err := os.Stat(p.path(name))
		require.NoError(t, err)
		require.NoError(t, os.Truncate(p.path(name), info.Size()-by))
	}
	cut(states[0], 1)
	text, err := os.ReadFile(p.path(chains[1]))
	require.NoError(t, err)
	text[len(text)/3] ^= 1
	require.NoError(t, os.WriteFile(p.path(chains[1]), text, 0o600))

	glanced, err := List(t.Context(), p, false)
	require.NoError(t, err)
	require.Equal(t, []string{states[0]}, damagedOf(glanced), "a glance finds a cut")
	read, err := List(t.Context(), p, true)
	require.NoError(t, err)
	require.ElementsMatch(t, []string{states[0], chains[1]}, damagedOf(read), "to read all finds all")
	last, ok := NewestState(read)
	require.True(t, ok)
	require.Equal(t, states[1], last.Name)
	last, ok = LastOf(read, token)
	require.True(t, ok)
	require.Equal(t, chains[0], last.Name, "what is damaged is gone on from by nobody")
}

func damagedOf(entries []Entry) (names []string) {
	for _, e := range entries {
		if e.Err != nil {
			names = append(names, e.Name)
		}
	}
	return names
}

func TestPruneKeepsWhatIsNeeded(t *testing.T) {
	p, states, chains := fill(t, 6) // chains: 0 <- 1 <- 2, 3 <- 4 <- 5
	all, err := List(t.Context(), p, false)
	require.NoError(t, err)
	taken := all[4].Manifest.Taken // of the third state
	for name, c := range map[string]struct {
		keep Keep
		want []string
	}{
		"one":             {Keep{Newest: 1}, append(append([]string{}, states[:5]...), chains[:3]...)},
		"none is one":     {Keep{}, append(append([]string{}, states[:5]...), chains[:3]...)},
		"four":            {Keep{Newest: 4}, states[:2]}, // the oldest of the four chains needs those before it
		"all":             {Keep{Newest: 6}, nil},
		"by age":          {Keep{Since: taken}, states[:2]},
		"older than all":  {Keep{Since: clock.Add(time.Hour)}, append(append([]string{}, states[:5]...), chains[:3]...)},
		"younger than it": {Keep{Since: clock.Add(-time.Hour)}, nil},
	} {
		require.ElementsMatch(t, c.want, Prune(all, c.keep), name)
	}
	require.NoError(t, os.Truncate(p.path(states[5]), 100))
	all, err = List(t.Context(), p, false)
	require.NoError(t, err)
	gone := Prune(all, Keep{Newest: 1})
	require.NotContains(t, gone, states[4], "the newest that is whole stays")
	require.NotContains(t, gone, states[5], "what is damaged is for somebody to look at")
}

func TestAFileIsThereWholeOrNotAtAll(t *testing.T) {
	p := Folder(filepath.Join(t.TempDir(), "new", "folder"))
	name := StateName(clock)
	broken := errors.New("broken")
	_, err := PutStream(t.Context(), p, name, func(out io.Writer) (Manifest, error) {
		_, err := out.Write([]byte("half"))
		require.NoError(t, err)
		listed, err := p.List(t.Context())
		require.NoError(t, err)
		require.Empty(t, listed)
		return Manifest{}, broken
	})
	require.ErrorIs(t, err, broken)
	require.Empty(t, names(t, p))

	put := func() error {
		_, err := PutStream(t.Context(), p, name, func(out io.Writer) (Manifest, error) { return Manifest{}, nil })
		return err
	}
	require.NoError(t, put())
	require.Error(t, put(), "it does not replace another")
	require.Equal(t, []string{name}, names(t, p))

	pending, err := p.Create(context.Background(), StateName(clock.Add(time.Second)))
	require.NoError(t, err)
	defer pending.Abort()
	require.NoError(t, os.WriteFile(p.path("notes.part"), nil, 0o600))
	require.NoError(t, p.Clear(t.Context(), time.Now().Add(-time.Hour)))
	require.Len(t, names(t, p), 3, "it may be written by somebody")
	require.NoError(t, p.Clear(t.Context(), time.Now().Add(time.Hour)))
	require.ElementsMatch(t, []string{name, "notes.part"}, names(t, p), "what a crash has left goes, other files stay")
}

func TestTargets(t *testing.T) {
	for target, ok := range map[string]bool{"s3://": false, "s3:///x": false, "s3://b": true, "s3://b/a/b/": true, "folder": true} {
		_, err := OpenPlace(target, S3Options{})
		require.Equal(t, ok, err == nil, "%s: %v", target, err)
	}
	for endpoint, ok := range map[string]bool{"http://127.0.0.1:7070": true, "https://x.example": true, "x.example": false, "ftp://x": false, "http://x/path": false} {
		_, err := OpenPlace("s3://b", S3Options{Endpoint: endpoint})
		require.Equal(t, ok, err == nil, "%s: %v", endpoint, err)
	}
}
