package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
)

// writeTree makes files below a new directory.
func writeTree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// readTree is its inverse.
func readTree(t testing.TB, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(filepath.Join(dir, name))
		files[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func archiveOf(t testing.TB, dir string, reach uint64) ([]byte, []archiveFile) {
	t.Helper()
	files, err := listFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	r := &archiveReader{dir: dir, files: files, reach: reach}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data, files
}

func exampleTree() map[string]string {
	return map[string]string{
		"empty": "", "a": "content of a", "deep/er/b": strings.Repeat("b", 100_000), "deep/c": "\x00",
	}
}

func TestArchiveRoundTrip(t *testing.T) {
	for name, tree := range map[string]map[string]string{"example": exampleTree(), "nothing": {}} {
		t.Run(name, func(t *testing.T) {
			data, files := archiveOf(t, writeTree(t, tree), 77)
			if int64(len(data)) != archiveSize(files) {
				t.Errorf("%d bytes, announced as %d", len(data), archiveSize(files))
			}
			// however the stream is cut into pieces
			for _, r := range []io.Reader{bytes.NewReader(data), iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(bytes.NewReader(data))} {
				dir := t.TempDir()
				reach, err := unpack(r, dir)
				if err != nil || reach != 77 {
					t.Fatalf("reach %d, %v", reach, err)
				}
				if got := readTree(t, dir); !maps.Equal(got, tree) {
					t.Errorf("%d files came back, of %d", len(got), len(tree))
				}
			}
		})
	}
}

// Any flipped bit, any missing end and anything beyond it is noticed.
func TestArchiveDamage(t *testing.T) {
	data, _ := archiveOf(t, writeTree(t, map[string]string{"a": "some content", "d/b": "more"}), 7)
	for i := range data {
		flipped := bytes.Clone(data)
		flipped[i] ^= 0x20
		if _, err := unpack(bytes.NewReader(flipped), t.TempDir()); err == nil {
			t.Errorf("byte %d was flipped and nothing said", i)
		}
		if _, err := unpack(bytes.NewReader(data[:i]), t.TempDir()); !errors.Is(err, errArchive) {
			t.Errorf("cut off at %d: %v", i, err)
		}
	}
	if _, err := unpack(bytes.NewReader(append(data, 0)), t.TempDir()); !errors.Is(err, errArchive) {
		t.Errorf("something appended: %v", err)
	}
}

// forge is an archive with one file of any name, its hashes right.
func forge(name string, size uint64, content string) []byte {
	header := append([]byte(archiveMagic), binary.BigEndian.AppendUint64(nil, 1)...)
	header = binary.BigEndian.AppendUint32(header, 1)
	file := binary.BigEndian.AppendUint16(nil, uint16(len(name)))
	file = append(file, name...)
	file = binary.BigEndian.AppendUint64(file, size)
	file = append(file, content...)
	sum := sha256.Sum256(file)
	total := sha256.Sum256(append(bytes.Clone(header), sum[:]...))
	return bytes.Join([][]byte{header, file, sum[:], total[:]}, nil)
}

func TestArchiveCannotEscape(t *testing.T) {
	parent := t.TempDir()
	for _, name := range []string{
		"../escaped", "a/../../escaped", "/escaped", "..", ".", "", "a//b", "a/", "./a", "a/./b",
		strings.Repeat("x", maxArchiveNameBytes+1),
	} {
		dir := filepath.Join(parent, "dir")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if _, err := unpack(bytes.NewReader(forge(name, 1, "x")), dir); err == nil {
			t.Errorf("a file %.20q was accepted", name)
		}
		if left := readTree(t, parent); len(left) != 0 {
			t.Errorf("%.20q left %v", name, left)
		}
	}
	if _, err := unpack(bytes.NewReader(forge("a", 1, "x")), filepath.Join(parent, "dir")); err != nil {
		t.Errorf("a good name: %v", err)
	}
	if _, err := unpack(bytes.NewReader(forge("a", 1, "x")), filepath.Join(parent, "dir")); err == nil {
		t.Error("a file was overwritten")
	}
	if _, err := unpack(bytes.NewReader(forge("b", 1<<63, "x")), t.TempDir()); err == nil {
		t.Error("a negative size was accepted")
	}
}

// A file that shrinks while it is sent makes the stream fail, not lie.
func TestArchiveOfAChangingFile(t *testing.T) {
	dir := writeTree(t, map[string]string{"a": "0123456789"})
	files, err := listFiles(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "a"), 5); err != nil {
		t.Fatal(err)
	}
	r := &archiveReader{dir: dir, files: files, reach: 1}
	defer r.Close()
	if _, err := io.ReadAll(r); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v", err)
	}
}

func FuzzUnpack(f *testing.F) {
	data, _ := archiveOf(f, writeTree(f, map[string]string{"a": "content", "d/b": ""}), 7)
	f.Add(data)
	f.Add(forge("../x", 1, "x"))
	f.Fuzz(func(t *testing.T, data []byte) {
		parent := t.TempDir()
		dir := filepath.Join(parent, "dir")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		_, err := unpack(bytes.NewReader(data), dir)
		for name := range readTree(t, parent) {
			if !strings.HasPrefix(name, "dir/") {
				t.Fatalf("%s escaped", name)
			}
		}
		if err != nil {
			return
		}
		if again, _ := archiveOf(t, dir, 0); len(again) != len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(again))
		}
	})
}
