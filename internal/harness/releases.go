package harness

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/zstd"
)

// ReleaseData lists the data folders of releases, as scripts/release-data.sh makes
// them: an archive for Unpack by the release's version.
func ReleaseData() (map[string]string, error) {
	root, err := Root()
	if err != nil {
		return nil, err
	}
	archives, err := filepath.Glob(filepath.Join(root, "e2e", "testdata", "data", "*.tar.zst"))
	if err == nil && len(archives) == 0 {
		err = errors.New("there is no data of any release")
	}
	list := map[string]string{}
	for _, a := range archives {
		list[strings.TrimSuffix(filepath.Base(a), ".tar.zst")] = a
	}
	return list, err
}

// Unpack unpacks an archive into a folder that is there.
func Unpack(archive, dir string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	defer file.Close()
	content, err := zstd.NewReader(file)
	if err != nil {
		return err
	}
	defer content.Close()
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	for r := tar.NewReader(content); ; {
		header, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = unpackOne(root, header, r)
		}
		if err != nil {
			return err
		}
	}
}

func unpackOne(root *os.Root, h *tar.Header, content io.Reader) error {
	name, mode := filepath.Clean(filepath.FromSlash(h.Name)), h.FileInfo().Mode().Perm()
	if h.Typeflag == tar.TypeDir {
		if name == "." {
			return nil
		}
		return root.Mkdir(name, mode)
	}
	file, err := root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return errors.Join(err, file.Close())
}
