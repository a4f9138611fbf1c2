package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path"
	"path/filepath"
)

// unpack writes the files of an archive below dir, which must be empty, and
// checks every hash. On an error dir holds something that must not be used. It
// cannot write outside of dir, whatever the archive says.
func unpack(r io.Reader, dir string) (reach uint64, err error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, root.Close()) }()

	header := make([]byte, archiveHeader)
	if err := readFull(r, header); err != nil {
		return 0, err
	}
	numbers, ok := bytes.CutPrefix(header, []byte(archiveMagic))
	if !ok {
		return 0, fmt.Errorf("%w: it does not begin like one", errArchive)
	}
	reach, count := binary.BigEndian.Uint64(numbers), binary.BigEndian.Uint32(numbers[8:])
	if count > maxArchiveFiles {
		return 0, fmt.Errorf("%w: %d files", errArchive, count)
	}
	total := sha256.New()
	total.Write(header)
	for range count {
		sum, err := unpackFile(r, root)
		if err != nil {
			return 0, err
		}
		total.Write(sum)
	}
	return reach, unpackTrailer(r, total)
}

func unpackFile(r io.Reader, root *os.Root) (sum []byte, err error) {
	f, err := readPrefix(r)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	h.Write(filePrefix(f))
	if err := storeFile(r, root, f, h); err != nil {
		return nil, err
	}
	stored := make([]byte, sha256.Size)
	if err := readFull(r, stored); err != nil {
		return nil, err
	}
	if !bytes.Equal(stored, h.Sum(nil)) {
		return nil, fmt.Errorf("%w: the hash of %q does not match", errArchive, f.name)
	}
	return stored, nil
}

func readPrefix(r io.Reader) (archiveFile, error) {
	var number [8]byte
	if err := readFull(r, number[:2]); err != nil {
		return archiveFile{}, err
	}
	length := int(binary.BigEndian.Uint16(number[:2]))
	if length > maxArchiveNameBytes {
		return archiveFile{}, fmt.Errorf("%w: a name of %d bytes", errArchive, length)
	}
	name := make([]byte, length)
	if err := readFull(r, name); err != nil {
		return archiveFile{}, err
	}
	if err := readFull(r, number[:]); err != nil {
		return archiveFile{}, err
	}
	f := archiveFile{name: string(name), size: int64(binary.BigEndian.Uint64(number[:]))}
	if f.size < 0 || path.Clean(f.name) != f.name || !filepath.IsLocal(filepath.FromSlash(f.name)) {
		return archiveFile{}, fmt.Errorf("%w: a file %q of %d bytes", errArchive, f.name, f.size)
	}
	return f, nil
}

// storeFile stores one file durably; its directory is synced with the whole
// tree at the end.
func storeFile(r io.Reader, root *os.Root, f archiveFile, h hash.Hash) (err error) {
	name := filepath.FromSlash(f.name)
	if err := root.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return err
	}
	out, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if _, err := io.CopyN(io.MultiWriter(out, h), r, f.size); err != nil {
		return short(err)
	}
	return out.Sync()
}

// unpackTrailer checks the archive as a whole, and that nothing follows it.
func unpackTrailer(r io.Reader, total hash.Hash) error {
	stored := make([]byte, sha256.Size)
	if err := readFull(r, stored); err != nil {
		return err
	}
	if !bytes.Equal(stored, total.Sum(nil)) {
		return fmt.Errorf("%w: the hash of all does not match", errArchive)
	}
	if n, err := io.ReadFull(r, make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("%w: something follows it", errArchive)
	}
	return nil
}

func readFull(r io.Reader, p []byte) error {
	_, err := io.ReadFull(r, p)
	return short(err)
}

// short names an end that came too soon.
func short(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it is cut short", errArchive)
	}
	return err
}
