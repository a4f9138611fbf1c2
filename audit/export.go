package audit

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/chain/pyjson"
)

// An export is zstd over lines: each block's canonical bytes, in order, and at
// last {"checkpoint": "…"} with the signed note over exactly these blocks. What
// ends without that line is cut short.

// checkpointKey begins the last line; no block's key sorts and stands like it.
const checkpointKey = `{"checkpoint": `

// maxExportLine bounds a line of an export. The note is the shorter of the two.
const maxExportLine = chain.MaxBlockBytes

// maxExportWindow bounds what a reader must hold to decompress an export.
const maxExportWindow = 8 << 20

// ErrExport is what is wrong with the form of an export.
const ErrExport chain.Code = "export_malformed"

// ExportWriter writes an export.
type ExportWriter struct {
	zip *zstd.Encoder
}

// NewExportWriter begins an export.
func NewExportWriter(w io.Writer) (*ExportWriter, error) {
	zip, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxExportWindow))
	return &ExportWriter{zip}, err
}

// Block writes the canonical bytes of the next block.
func (e *ExportWriter) Block(canonical []byte) error {
	if _, err := e.zip.Write(canonical); err != nil {
		return err
	}
	_, err := e.zip.Write([]byte{'\n'})
	return err
}

// Finish writes the checkpoint, of exactly the blocks before, and ends the export.
func (e *ExportWriter) Finish(note []byte) error {
	line := append(pyjson.AppendString([]byte(checkpointKey), string(note)), '}')
	return errors.Join(e.Block(line), e.zip.Close())
}

// File is an export.
type File struct {
	Reader io.Reader
	Token  string // of the contract whose chain it has to be; "" for any
}

// Chain says that the checkpoint comes last.
func (f *File) Chain(context.Context) (Chain, error) { return Chain{Token: f.Token, Sealed: true}, nil }

// Blocks reads the export. What is wrong with its form is ErrExport, and wraps
// chain.ErrInvalid.
func (f *File) Blocks(_ context.Context, block func(canonical []byte) error) (note []byte, err error) {
	zip, err := zstd.NewReader(f.Reader, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxExportWindow))
	if err != nil {
		return nil, err
	}
	defer zip.Close()
	lines := bufio.NewScanner(zip)
	lines.Buffer(make([]byte, 64<<10), maxExportLine+1)
	lines.Split(wholeLines)
	for number := 1; lines.Scan(); number++ {
		switch line := lines.Bytes(); {
		case note != nil:
			return nil, badExport("line %d stands after the checkpoint", number)
		case bytes.HasPrefix(line, []byte(checkpointKey)):
			if note, err = checkpointLine(line); err != nil {
				return nil, badExport("line %d: %w", number, err)
			}
		default:
			if err := block(line); err != nil {
				return nil, err
			}
		}
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, badExport("a line is longer than any block")
	case err != nil:
		return nil, badExport("it is cut short or damaged: %w", err)
	case note == nil:
		return nil, badExport("it ends without its checkpoint: it is cut short")
	}
	return note, nil
}

// wholeLines splits at newlines, and takes nothing behind the last.
func wholeLines(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return 0, nil, errors.New("the last line has no end")
	}
	return 0, nil, nil
}

// checkpointLine reads the last line in its one spelling.
func checkpointLine(line []byte) ([]byte, error) {
	if len(line) > 6*proof.MaxNoteBytes {
		return nil, proof.ErrTooLarge
	}
	s := pyjson.NewScanner(line)
	text := ""
	err := s.Object(func(string) (err error) {
		text, err = s.String()
		return err
	})
	if err == nil {
		err = s.End()
	}
	if err != nil {
		return nil, err
	}
	if again := append(pyjson.AppendString([]byte(checkpointKey), text), '}'); !bytes.Equal(again, line) {
		return nil, errors.New("the checkpoint has another spelling")
	}
	return []byte(text), nil
}

func badExport(format string, args ...any) error {
	return invalid("%w: %w", ErrExport, fmt.Errorf(format, args...))
}
