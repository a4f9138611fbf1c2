package durable

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrSeal: a sealed file is not what WriteSealed wrote.
var ErrSeal = errors.New("checksum does not match")

// WriteSealed durably writes v as one line of JSON, readable by people, and a
// second line with its checksum, so that damage cannot pass for content.
func (d Disk) WriteSealed(path string, v any) error {
	line, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return d.WriteFile(path, seal(line), 0o600)
}

// ReadSealed reads what WriteSealed wrote, and makes it last: who acts on it
// never finds the file before it again. The error is fs.ErrNotExist when there
// is no file, ErrSeal when there is but it is damaged.
func (d Disk) ReadSealed(path string, v any) error {
	data, err := d.read(path)
	if err != nil {
		return err
	}
	if err := d.Settle(path); err != nil {
		return err
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.Equal(data, seal(line)) {
		return fmt.Errorf("%s: %w", path, ErrSeal)
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func (d Disk) read(path string) ([]byte, error) {
	f, err := d.fs().Open(path)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(f)
	return data, errors.Join(err, f.Close())
}

func seal(line []byte) []byte {
	sum := crc32.Checksum(line, crc32.MakeTable(crc32.Castagnoli))
	return fmt.Appendf(bytes.Clone(line), "\n{\"crc32c\":\"%08x\"}\n", sum)
}
