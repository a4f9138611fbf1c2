package backup

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/bpsc/bpsc/chain"
)

// Names in an archive.
const (
	beginFile      = "begin.json"
	manifestFile   = "manifest.json"
	checkpointFile = "checkpoint"
	policyFile     = "policy"
	stateFolder    = "state"
	blocksFolder   = "blocks"
)

// Writer writes an archive as it goes. After an error, or without Finish, what
// has been written is no backup.
type Writer struct {
	out      *counter
	zip      *zstd.Encoder
	tar      *tar.Writer
	manifest Manifest
}

// NewWriter begins an archive. Format is set here; all else of b is the caller's.
func NewWriter(out io.Writer, b Begin) (*Writer, error) {
	b.Format, b.Taken = format, b.Taken.UTC().Round(0)
	if err := b.check(); err != nil {
		return nil, err
	}
	w := &Writer{out: &counter{out: out, sum: sha256.New()}, manifest: Manifest{Begin: b}}
	var err error
	// The fastest level: a backup is to cost the member that gives it little.
	w.zip, err = zstd.NewWriter(w.out, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(1<<20))
	if err != nil {
		return nil, err
	}
	w.tar = tar.NewWriter(w.zip)
	text, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	return w, w.put(beginFile, int64(len(text)), bytes.NewReader(text))
}

// File adds a file of exactly that size.
func (w *Writer) File(name string, size int64, content io.Reader) error {
	if err := checkFile(w.manifest.Kind, name, size); err != nil {
		return err
	}
	if len(w.manifest.Files) == maxFiles {
		return fmt.Errorf("backup: more than %d files", maxFiles)
	}
	sum := sha256.New()
	if err := w.put(name, size, io.TeeReader(content, sum)); err != nil {
		return err
	}
	w.manifest.Files = append(w.manifest.Files, File{name, size, chain.Hash(sum.Sum(nil))})
	return nil
}

func (w *Writer) put(name string, size int64, content io.Reader) error {
	if err := w.tar.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600}); err != nil {
		return err
	}
	if _, err := io.CopyN(w.tar, content, size); err != nil {
		return fmt.Errorf("backup: %s: %w", name, err)
	}
	return nil
}

// Finish writes the manifest and the end.
func (w *Writer) Finish(c Contents) (Manifest, error) {
	w.manifest.Contents = c
	sealed, err := w.manifest.seal()
	if err != nil {
		return sealed, err
	}
	if err := sealed.check(); err != nil {
		return sealed, err
	}
	text, err := json.Marshal(sealed)
	if err != nil {
		return sealed, err
	}
	if err := errors.Join(w.tar.Flush(), w.zip.Close()); err != nil { // the end of a frame
		return sealed, err
	}
	end := footer{manifest: w.out.count}
	w.zip.Reset(w.out)
	if err := w.put(manifestFile, int64(len(text)), bytes.NewReader(text)); err != nil {
		return sealed, err
	}
	if err := errors.Join(w.tar.Close(), w.zip.Close()); err != nil {
		return sealed, err
	}
	end.length = w.out.count
	w.out.sum.Write(end.numbers())
	copy(end.sum[:], w.out.sum.Sum(nil))
	_, err = w.out.Write(end.encode())
	return sealed, err
}

// counter counts and hashes what goes through it.
type counter struct {
	out   io.Writer
	sum   hash.Hash
	count uint64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.out.Write(p)
	c.sum.Write(p[:n])
	c.count += uint64(n)
	return n, err
}
