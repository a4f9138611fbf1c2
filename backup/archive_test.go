package backup

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
)

var exampleBegin = Begin{Kind: State, By: "n1", Version: "test", Taken: time.Date(2026, 11, 28, 16, 0, 0, 5_000, time.UTC)}

func exampleContents() Contents {
	return Contents{Cluster: "c1", Applied: 17, Members: []string{"n1", "n2"}, Chains: []ChainRange{
		{Token: "aka", ID: chain.HashBytes([]byte("aka")), From: 1, Length: 5, Tip: chain.HashBytes([]byte("tip"))},
	}}
}

// exampleFiles are those of an archive, in order.
var exampleFiles = []struct{ name, content string }{
	{"state/000001.sst", strings.Repeat("table ", 10_000)}, {"state/MANIFEST-000002", "manifest"}, {"state/empty", ""},
}

// example is a small archive.
func example(t testing.TB) []byte {
	var out bytes.Buffer
	w, err := NewWriter(&out, exampleBegin)
	require.NoError(t, err)
	for _, f := range exampleFiles {
		require.NoError(t, w.File(f.name, int64(len(f.content)), strings.NewReader(f.content)))
	}
	_, err = w.Finish(exampleContents())
	require.NoError(t, err)
	return out.Bytes()
}

// readAll reads an archive and returns the files.
func readAll(archive []byte) (map[string]string, Manifest, error) {
	files := map[string]string{}
	m, err := Read(bytes.NewReader(archive), func(_ Begin, name string, size int64, content io.Reader) error {
		text, err := io.ReadAll(content)
		files[name] = string(text)
		return err
	})
	return files, m, err
}

func TestAnArchiveComesBackAsItWas(t *testing.T) {
	archive := example(t)
	files, m, err := readAll(archive)
	require.NoError(t, err)
	require.Len(t, files, len(exampleFiles))
	for i, f := range exampleFiles {
		require.Equal(t, f.content, files[f.name])
		require.Equal(t, File{f.name, int64(len(f.content)), chain.HashBytes([]byte(f.content))}, m.Files[i])
	}
	require.Equal(t, exampleContents(), m.Contents)
	require.Equal(t, exampleBegin.Taken, m.Taken)
	glanced, err := Glance(bytes.NewReader(archive), int64(len(archive)))
	require.NoError(t, err)
	require.Equal(t, m, glanced)
}

// Who has nothing but tar and zstd gets at the files all the same.
func TestAnArchiveIsATarFileInZstd(t *testing.T) {
	zip, err := zstd.NewReader(bytes.NewReader(example(t)))
	require.NoError(t, err)
	defer zip.Close()
	var names []string
	for r := tar.NewReader(zip); ; {
		head, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		names = append(names, head.Name)
	}
	require.Equal(t, []string{beginFile, "state/000001.sst", "state/MANIFEST-000002", "state/empty", manifestFile}, names)
}

func TestEachCutIsFound(t *testing.T) {
	archive := example(t)
	for n := range len(archive) {
		_, _, err := readAll(archive[:n])
		require.ErrorIs(t, err, ErrDamaged, "%d of %d bytes", n, len(archive))
		require.ErrorIs(t, err, chain.ErrInvalid)
		_, err = Glance(bytes.NewReader(archive[:n]), int64(n))
		require.ErrorIs(t, err, ErrDamaged, "%d of %d bytes", n, len(archive))
	}
}

func TestEachChangedByteIsFound(t *testing.T) {
	archive := example(t)
	for n := range archive {
		changed := bytes.Clone(archive)
		changed[n] ^= 0x10
		_, _, err := readAll(changed)
		require.ErrorIs(t, err, ErrDamaged, "byte %d", n)
	}
}

// forged makes an archive with files and a manifest of somebody's own.
func forged(t *testing.T, files []struct{ name, content string }, manifest func(*Manifest), behind ...byte) []byte {
	var out bytes.Buffer
	w, err := NewWriter(&out, exampleBegin)
	require.NoError(t, err)
	for _, f := range files {
		require.NoError(t, w.put(f.name, int64(len(f.content)), strings.NewReader(f.content)))
		w.manifest.Files = append(w.manifest.Files, File{f.name, int64(len(f.content)), chain.HashBytes([]byte(f.content))})
	}
	w.manifest.Contents = exampleContents()
	manifest(&w.manifest)
	sealed, err := w.manifest.seal()
	require.NoError(t, err)
	text, err := json.Marshal(sealed)
	require.NoError(t, err)
	require.NoError(t, w.put(manifestFile, int64(len(text)), bytes.NewReader(text)))
	require.NoError(t, errors.Join(w.tar.Close(), func() error { _, err := w.zip.Write(behind); return err }(), w.zip.Close()))
	end := footer{length: w.out.count}
	w.out.sum.Write(end.numbers())
	copy(end.sum[:], w.out.sum.Sum(nil))
	return append(out.Bytes(), end.encode()...)
}

func TestWhatNoWriterWrites(t *testing.T) {
	same := func(*Manifest) {}
	type files = []struct{ name, content string }
	for name, archive := range map[string][]byte{
		"a way out":         forged(t, files{{"state/../x", ""}}, same),
		"a folder deeper":   forged(t, files{{"state/a/b", ""}}, same),
		"from the root":     forged(t, files{{"/state/a", ""}}, same),
		"dots":              forged(t, files{{"state/..", ""}}, same),
		"another kind":      forged(t, files{{"blocks/1.ndjson", ""}}, same),
		"a file not listed": forged(t, files{{"state/a", "a"}}, func(m *Manifest) { m.Files = nil }),
		"a file missing":    forged(t, nil, func(m *Manifest) { m.Files = []File{{"state/a", 1, chain.Hash{}}} }),
		"another content":   forged(t, files{{"state/a", "a"}}, func(m *Manifest) { m.Files[0].SHA256 = chain.Hash{1} }),
		"another beginning": forged(t, nil, func(m *Manifest) { m.By = "n2" }),
		"no chain's token":  forged(t, nil, func(m *Manifest) { m.Chains[0].Token = "../x" }),
		"a token twice":     forged(t, nil, func(m *Manifest) { m.Chains = append(m.Chains, m.Chains[0]) }),
		"blocks from 2":     forged(t, nil, func(m *Manifest) { m.Chains[0].From = 2 }),
		"no cluster":        forged(t, nil, func(m *Manifest) { m.Cluster = "" }),
		"more behind":       forged(t, nil, same, 0, 1),
		"more bytes behind": append(example(t), 0),
		"two of them":       append(example(t), example(t)...),
		"nothing":           nil,
		"something else":    bytes.Repeat([]byte("no backup\n"), 100),
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := readAll(archive)
			require.ErrorIs(t, err, ErrDamaged)
		})
	}
	_, _, err := readAll(forged(t, nil, same))
	require.NoError(t, err, "the forger can do it right")
}

// A backup of the future is none that is damaged.
func TestANewerFormatIsNoDamage(t *testing.T) {
	archive := forged(t, nil, func(m *Manifest) { m.Format = format + 1 })
	_, _, err := readAll(archive)
	require.ErrorIs(t, err, ErrNewer)
	require.NotErrorIs(t, err, chain.ErrInvalid)
	_, _, err = readAll(forged(t, nil, func(m *Manifest) { m.Needs = release.Need{Level: release.Newest + 1, Release: "9.0.0"} }))
	require.ErrorIs(t, err, ErrNewer)
	require.ErrorContains(t, err, "install bpsc 9.0.0 or newer")
	_, err = decodeBegin([]byte(`{"format":2,"of":"what nobody knows yet"}`))
	require.ErrorIs(t, err, ErrNewer)
}

// Errors of the disk, and of whoever reads, say nothing about the archive.
func TestWhatCannotBeReadIsNoDamage(t *testing.T) {
	broken := errors.New("the disk is broken")
	archive := example(t)
	_, err := Read(io.MultiReader(bytes.NewReader(archive[:200]), failing{broken}), func(Begin, string, int64, io.Reader) error { return nil })
	require.ErrorIs(t, err, broken)
	require.NotErrorIs(t, err, chain.ErrInvalid)
	_, err = Read(bytes.NewReader(archive), func(Begin, string, int64, io.Reader) error { return broken })
	require.Equal(t, broken, err)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAWriterRefusesWhatNoReaderTakes(t *testing.T) {
	w, err := NewWriter(io.Discard, exampleBegin)
	require.NoError(t, err)
	require.Error(t, w.File("state/../x", 0, strings.NewReader("")))
	require.Error(t, w.File("state/a", 2, strings.NewReader("a")), "it is shorter")
	w, err = NewWriter(io.Discard, exampleBegin)
	require.NoError(t, err)
	_, err = w.Finish(Contents{})
	require.Error(t, err)
	_, err = NewWriter(io.Discard, Begin{Kind: "of another kind", Taken: time.Now()})
	require.Error(t, err)
}

func FuzzRead(f *testing.F) {
	f.Add(example(f))
	f.Add(example(f)[:100])
	f.Fuzz(func(t *testing.T, archive []byte) {
		_, m, err := readAll(archive)
		if err != nil {
			require.True(t, errors.Is(err, ErrDamaged) || errors.Is(err, ErrNewer), err)
			return
		}
		glanced, err := Glance(bytes.NewReader(archive), int64(len(archive)))
		require.NoError(t, err)
		require.Equal(t, m.Digest, glanced.Digest)
	})
}

func FuzzManifest(f *testing.F) {
	_, m, err := readAll(example(f))
	require.NoError(f, err)
	text, err := json.Marshal(m)
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"format":2}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := decodeManifest(text)
		if err != nil {
			return
		}
		again, err := json.Marshal(m)
		require.NoError(t, err)
		require.Equal(t, text, again)
	})
}

func FuzzFooter(f *testing.F) {
	f.Add((&footer{manifest: 1, length: 2}).encode(), uint64(2))
	f.Fuzz(func(t *testing.T, text []byte, length uint64) {
		if got, err := decodeFooter(text, length); err == nil {
			require.Equal(t, text, got.encode())
		}
	})
}
