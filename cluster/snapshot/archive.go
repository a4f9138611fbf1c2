package snapshot

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// A state directory travels to another member as an archive:
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

// archiveReader reads a directory as an archive. It needs no more memory than the
// buffers of a copy, and has one file open at a time.
//
// It is used by one goroutine. From the first Read on it has another one, which
// writes the archive and ends with it or with Close.
type archiveReader struct {
	dir   string
	files []archiveFile
	reach uint64

	pipe  *io.PipeReader // nil before the first Read
	ended chan struct{}
}

// Read implements io.Reader.
func (a *archiveReader) Read(p []byte) (int, error) {
	if a.pipe == nil {
		r, w := io.Pipe()
		a.pipe, a.ended = r, make(chan struct{})
		go func() {
			defer close(a.ended)
			w.CloseWithError(writeArchive(w, a.dir, a.files, a.reach))
		}()
	}
	return a.pipe.Read(p)
}

// Close ends the reading.
func (a *archiveReader) Close() error {
	if a.pipe == nil {
		return nil
	}
	err := a.pipe.Close()
	<-a.ended
	return err
}

func writeArchive(w io.Writer, dir string, files []archiveFile, reach uint64) error {
	header := append([]byte(archiveMagic), binary.BigEndian.AppendUint64(nil, reach)...)
	header = binary.BigEndian.AppendUint32(header, uint32(len(files)))
	total, sum := sha256.New(), sha256.New()
	total.Write(header)
	if _, err := w.Write(header); err != nil {
		return err
	}
	for _, f := range files {
		sum.Reset()
		if err := writeFile(io.MultiWriter(w, sum), dir, f); err != nil {
			return err
		}
		hash := sum.Sum(nil)
		total.Write(hash)
		if _, err := w.Write(hash); err != nil {
			return err
		}
	}
	_, err := w.Write(total.Sum(nil))
	return err
}

// writeFile writes a file as it stands in an archive, without its hash.
func writeFile(w io.Writer, dir string, f archiveFile) error {
	if _, err := w.Write(filePrefix(f)); err != nil {
		return err
	}
	content, err := os.Open(filepath.Join(dir, filepath.FromSlash(f.name)))
	if err != nil {
		return err
	}
	defer content.Close()
	if _, err = io.CopyN(w, content, f.size); err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// filePrefix is what stands before a file's content; it goes into its hash too.
func filePrefix(f archiveFile) []byte {
	prefix := binary.BigEndian.AppendUint16(nil, uint16(len(f.name)))
	prefix = append(prefix, f.name...)
	return binary.BigEndian.AppendUint64(prefix, uint64(f.size))
}
