package snapshot

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A checkpoint directory travels to another member as an archive:
//
//	header   magic, reach uint64, number of files uint32
//	file     length of name uint16, name, size uint64, content, SHA-256 of all that
//	trailer  SHA-256 of the header and of all files' hashes
//
// Numbers are big-endian, names relative with slashes. The size of an archive
// follows from names and sizes alone, because raft announces it beforehand.
const (
	maxArchiveFiles     = 1 << 20
	maxArchiveNameBytes = 4 << 10

	archiveMagic  = "bpsc-snapshot-1\n"
	archiveHeader = len(archiveMagic) + 8 + 4
)

// errArchive: an archive is damaged, cut short, or not one.
var errArchive = errors.New("snapshot archive is damaged")

// archiveFile is one file of a directory to be archived.
type archiveFile struct {
	name string // relative, with slashes
	size int64
}

// listFiles returns the files below dir in a fixed order.
func listFiles(dir string) ([]archiveFile, error) {
	var files []archiveFile
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || len(name) > maxArchiveNameBytes || len(files) == maxArchiveFiles {
			return fmt.Errorf("%s cannot be part of a snapshot", filepath.Join(dir, name))
		}
		files = append(files, archiveFile{name: name, size: info.Size()})
		return nil
	})
	return files, err
}

// archiveSize is the exact length of the archive of these files.
func archiveSize(files []archiveFile) int64 {
	size := int64(archiveHeader) + sha256.Size
	for _, f := range files {
		size += 2 + int64(len(f.name)) + 8 + f.size + sha256.Size
	}
	return size
}

// archiveReader reads a directory as an archive, piece by piece, so that it
// needs no more memory than the reader's buffer. It has one file open at a time.
// It is used by one goroutine.
type archiveReader struct {
	dir   string
	files []archiveFile // still to come

	piece io.Reader // being read; nil between pieces
	next  func() (io.Reader, error)
	open  *os.File
	sum   hash.Hash // of the current file's piece
	total hash.Hash
}

func newArchiveReader(dir string, files []archiveFile, reach uint64) *archiveReader {
	a := &archiveReader{dir: dir, files: files, sum: sha256.New(), total: sha256.New()}
	header := append([]byte(archiveMagic), binary.BigEndian.AppendUint64(nil, reach)...)
	header = binary.BigEndian.AppendUint32(header, uint32(len(files)))
	a.total.Write(header)
	a.piece, a.next = bytes.NewReader(header), a.beginFile
	return a
}

func (a *archiveReader) Read(p []byte) (int, error) {
	for {
		if a.piece != nil {
			n, err := a.piece.Read(p)
			if n > 0 || (err != nil && err != io.EOF) {
				return n, err
			}
			if err == nil {
				continue
			}
		}
		if a.next == nil {
			return 0, io.EOF
		}
		var err error
		if a.piece, err = a.next(); err != nil {
			return 0, err
		}
	}
}

func (a *archiveReader) beginFile() (io.Reader, error) {
	if len(a.files) == 0 {
		a.next = nil
		return bytes.NewReader(a.total.Sum(nil)), nil
	}
	f := a.files[0]
	a.sum.Reset()
	a.next = a.fileContent
	return bytes.NewReader(filePrefix(a.sum, f)), nil
}

func (a *archiveReader) fileContent() (io.Reader, error) {
	f, err := os.Open(filepath.Join(a.dir, filepath.FromSlash(a.files[0].name)))
	if err != nil {
		return nil, err
	}
	a.open, a.next = f, a.endFile
	return io.TeeReader(&exactReader{from: f, left: a.files[0].size}, a.sum), nil
}

func (a *archiveReader) endFile() (io.Reader, error) {
	a.files, a.next = a.files[1:], a.beginFile
	if err := a.Close(); err != nil {
		return nil, err
	}
	sum := a.sum.Sum(nil)
	a.total.Write(sum)
	return bytes.NewReader(sum), nil
}

// Close releases the file being read, if any.
func (a *archiveReader) Close() error {
	if a.open == nil {
		return nil
	}
	f := a.open
	a.open = nil
	return f.Close()
}

// filePrefix is what stands before a file's content; it goes into its hash too.
func filePrefix(sum hash.Hash, f archiveFile) []byte {
	prefix := binary.BigEndian.AppendUint16(nil, uint16(len(f.name)))
	prefix = append(prefix, f.name...)
	prefix = binary.BigEndian.AppendUint64(prefix, uint64(f.size))
	sum.Write(prefix)
	return prefix
}
