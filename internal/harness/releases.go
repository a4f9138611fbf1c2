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

// NextLevel is the level that NextRelease knows first.
const NextLevel = "3"

// NextRelease is what the release to come is, 0.3.0: it knows a third level, and has nothing of it in the log as
// long as that is not active.
func NextRelease() []Patch {
	const release, request = "internal/release/release.go", "command/request.go"
	return []Patch{
		{File: release, Old: `const Version = "0.2.0"`, New: `const Version = "0.3.0"`},
		{File: release, Old: "\tNewest = Access\n", New: "\tNewest Level = 3\n"},
		{File: release, Old: "\tcase First:\n", New: "\tcase 3:\n\t\treturn \"0.3.0\"\n\tcase First:\n"},
		{File: request, Old: "// LevelOf is the level that", New: `// Welcome is Register for one node more.
type Welcome struct{ Register }

func (*Welcome) number() protowire.Number { return 15 }

func OnLevel3(requests [][]byte) (all [][]byte) {
	for _, data := range requests {
		if q, err := Decode(data); err == nil {
			if r, ok := q.(*Register); ok {
				data = Encode(&Welcome{*r})
			}
		}
		all = append(all, data)
	}
	return all
}

// LevelOf is the level that`},
		{File: request, Old: "\treturn release.First\n", New: "\tif _, ok := q.(*Welcome); ok {\n\t\treturn 3\n\t}\n\treturn release.First\n"},
		{File: request, Old: "\t\treturn &Activate{}\n", New: "\t\treturn &Activate{}\n\tcase 15:\n\t\treturn &Welcome{}\n"},
		{File: "fsm/request.go", Old: "\tcase *command.Remove:\n",
			New: "\tcase *command.Welcome:\n\t\tfor _, n := range append(q.Nodes, \"third.level.example:3\") {\n\t\t\ttx.AddNode(n, q.From)\n\t\t}\n\tcase *command.Remove:\n"},
	}
}
