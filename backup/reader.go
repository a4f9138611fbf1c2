package backup

import (
	"archive/tar"
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/bpsc/bpsc/chain"
)

// Read reads an archive from its beginning to its end, once, and calls file for each
// file in it. What file does not read of the content is passed over. When Read
// returns no error, all that file was given had the sizes and hashes in the manifest:
// nothing of it is to be used before. An error of file ends the reading.
func Read(archive io.Reader, file func(begin Begin, name string, size int64, content io.Reader) error) (Manifest, error) {
	in := &body{in: bufio.NewReaderSize(archive, 256<<10), sum: sha256.New()}
	zip, err := newDecoder(in)
	if err != nil {
		return Manifest{}, err
	}
	defer zip.Close()
	r := &reader{tar: tar.NewReader(zip), file: file}
	if err := r.all(); err != nil {
		if r.failed != nil {
			return Manifest{}, r.failed
		}
		return Manifest{}, in.explain(err)
	}
	if n, err := io.Copy(io.Discard, zip); n > 0 || err != nil {
		return Manifest{}, in.explain(errors.Join(err, damaged("something stands behind the manifest")))
	}
	return r.manifest, in.end()
}

func newDecoder(r io.Reader) (*zstd.Decoder, error) {
	return zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow))
}

// reader reads the files of one archive.
type reader struct {
	tar      *tar.Reader
	file     func(Begin, string, int64, io.Reader) error
	begin    Begin
	files    []File
	manifest Manifest
	failed   error // what file said
}

func (r *reader) all() error {
	text, err := readText(r.tar, beginFile, maxTextBytes)
	if err != nil {
		return err
	}
	if r.begin, err = decodeBegin(text); err != nil {
		return err
	}
	for {
		head, err := next(r.tar)
		if err != nil {
			return err
		}
		if head.Name == manifestFile {
			return r.finish(head)
		}
		if err := r.one(head); err != nil {
			return err
		}
	}
}

// one reads a file.
func (r *reader) one(head *tar.Header) error {
	if err := checkFile(r.begin.Kind, head.Name, head.Size); err != nil {
		return err
	}
	if len(r.files) == maxFiles {
		return damaged("it has more than %d files", maxFiles)
	}
	sum := sha256.New()
	content := &noted{in: io.TeeReader(r.tar, sum)}
	if err := r.file(r.begin, head.Name, head.Size, content); err != nil {
		if content.err == nil {
			r.failed = err
		}
		return cmp.Or(content.err, err)
	}
	if _, err := io.Copy(io.Discard, content); err != nil {
		return err
	}
	r.files = append(r.files, File{head.Name, head.Size, chain.Hash(sum.Sum(nil))})
	return nil
}

// noted remembers an error of reading, to tell it from those of whoever reads.
type noted struct {
	in  io.Reader
	err error
}

// Read implements io.Reader.
func (n *noted) Read(p []byte) (int, error) {
	count, err := n.in.Read(p)
	if err != nil && err != io.EOF {
		n.err = err
	}
	return count, err
}

// finish reads the manifest, compares the files with it, and that nothing follows.
func (r *reader) finish(head *tar.Header) error {
	text, err := readWhole(r.tar, head, maxManifestBytes)
	if err != nil {
		return err
	}
	if r.manifest, err = decodeManifest(text); err != nil {
		return err
	}
	m := &r.manifest
	if m.Begin != r.begin || len(m.Files) != len(r.files) {
		return damaged("the manifest is of another backup")
	}
	for i, f := range r.files {
		if f != m.Files[i] {
			return damaged("%s is not what the manifest says of it", f.Name)
		}
	}
	if _, err := r.tar.Next(); err != io.EOF {
		return damaged("something stands behind the manifest")
	}
	return nil
}

// next goes to the next file. There are regular files, and nothing else.
func next(t *tar.Reader) (*tar.Header, error) {
	head, err := t.Next()
	if err == io.EOF {
		return nil, damaged("it ends without its manifest: it is cut short")
	}
	if err == nil && (head.Typeflag != tar.TypeReg || head.Linkname != "") {
		err = damaged("%.80q in it is no file", head.Name)
	}
	return head, err
}

// readText reads the file that has to come next.
func readText(t *tar.Reader, name string, limit int64) ([]byte, error) {
	head, err := next(t)
	if err != nil {
		return nil, err
	}
	if head.Name != name {
		return nil, damaged("it has %.80q where %s has to be", head.Name, name)
	}
	return readWhole(t, head, limit)
}

func readWhole(t *tar.Reader, head *tar.Header, limit int64) ([]byte, error) {
	if head.Size > limit {
		return nil, damaged("%s has %d bytes", head.Name, head.Size)
	}
	return io.ReadAll(t)
}

// body reads all of an archive but its footer, which it holds back, and hashes it.
type body struct {
	in    *bufio.Reader
	sum   hash.Hash
	count uint64
	err   error // of in, but for its end
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	if b.in.Buffered() <= footerBytes {
		if _, err := b.in.Peek(footerBytes + 1); err != nil {
			if err != io.EOF {
				b.err = err
			}
			return 0, err
		}
	}
	n, err := b.in.Read(p[:min(len(p), b.in.Buffered()-footerBytes)])
	b.sum.Write(p[:n])
	b.count += uint64(n)
	return n, err
}

// end reads the footer and compares what was read with it.
func (b *body) end() error {
	text, err := io.ReadAll(io.LimitReader(b.in, int64(footerBytes)+1))
	if err != nil {
		return err
	}
	f, err := decodeFooter(text, b.count)
	b.sum.Write(f.numbers())
	if err == nil && !bytes.Equal(f.sum[:], b.sum.Sum(nil)) {
		err = damaged("its bytes have another SHA-256 than its end says")
	}
	return err
}

// explain makes what tar and zstd find wrong a verdict. Where the archive cannot be
// read, nothing is known to be wrong with it.
func (b *body) explain(err error) error {
	switch {
	case b.err != nil:
		return b.err
	case errors.Is(err, chain.ErrInvalid), errors.Is(err, ErrNewer):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return damaged("it is cut short, or none")
	}
	return damaged("%w", err)
}

// Glance reads the end of an archive of that size: whether there is one, and what
// it says. What stands before may be damaged all the same: Read finds that.
func Glance(archive io.ReaderAt, size int64) (Manifest, error) {
	if size <= int64(footerBytes) {
		return Manifest{}, damaged("it has %d bytes: it is cut short, or no backup", size)
	}
	text := make([]byte, footerBytes)
	length := size - int64(footerBytes)
	if _, err := archive.ReadAt(text, length); err != nil && err != io.EOF {
		return Manifest{}, err
	}
	f, err := decodeFooter(text, uint64(length))
	if err != nil {
		return Manifest{}, err
	}
	last := &body{in: bufio.NewReader(io.NewSectionReader(archive, int64(f.manifest), size-int64(f.manifest))), sum: sha256.New()}
	zip, err := newDecoder(last)
	if err != nil {
		return Manifest{}, err
	}
	defer zip.Close()
	if text, err = readText(tar.NewReader(zip), manifestFile, maxManifestBytes); err != nil {
		return Manifest{}, last.explain(err)
	}
	return decodeManifest(text)
}
