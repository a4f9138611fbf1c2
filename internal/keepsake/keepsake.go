// Package keepsake remembers which files a node has had that nobody else has. Whoever finds
// no file begins with nothing, on a first start; on a later one that would be to forget in
// silence, and to say something else under the same name.
package keepsake

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/bpsc/bpsc/internal/durable"
)

// File is the name of the list in a node's data folder.
const File = "kept.json"

// ErrUnreadable: there is a list, and it cannot be read. What it said is lost; each of its
// files that is there is as it was.
var ErrUnreadable = errors.New("the list of what this node keeps cannot be read")

// List is the files of one data folder. A file is added once it is on the disk, so that
// one that is on the list has been there. A nil list takes everything and remembers nothing.
//
// Safe for concurrent use. mu guards files, and is held while the list is written.
type List struct {
	dir string

	mu    sync.Mutex
	files map[string]string // by name in dir: what one that only grows began with, else ""
}

// Open reads the list of a folder, which has none at first. With ErrUnreadable comes a list
// with nothing on it, which may be used.
func Open(dir string) (*List, error) {
	l := &List{dir: dir, files: map[string]string{}}
	err := durable.ReadSealed(l.path(File), &l.files)
	switch _, system := durable.Advice(err); {
	case err == nil, errors.Is(err, fs.ErrNotExist):
		return l, nil
	case system:
		return l, err
	}
	l.files = map[string]string{}
	return l, fmt.Errorf("%w: %w", ErrUnreadable, err)
}

func (l *List) path(name string) string { return filepath.Join(l.dir, filepath.FromSlash(name)) }

// Add puts a file on the list that is on the disk and changes later.
func (l *List) Add(path string) error { return l.add(path, "") }

// AddText puts a file on the list that is on the disk with that content, and at most grows.
func (l *List) AddText(path string, content []byte) error { return l.add(path, seal(content)) }

// seal says what a file begins with: how many bytes, and their SHA-256.
func seal(content []byte) string { return fmt.Sprintf("%d:%x", len(content), sha256.Sum256(content)) }

// begins tells whether a file begins as a seal says.
func begins(content []byte, sealed string) bool {
	length, _, _ := strings.Cut(sealed, ":")
	n, err := strconv.Atoi(length)
	return err == nil && n >= 0 && n <= len(content) && seal(content[:n]) == sealed
}

func (l *List) add(path, sealed string) error {
	if l == nil {
		return nil
	}
	name, err := filepath.Rel(l.dir, path)
	if err != nil {
		return err
	}
	return l.change(func(files map[string]string) { files[filepath.ToSlash(name)] = sealed })
}

// Forget takes files off the list, by their names in the folder: whoever runs the node knows
// that they are gone.
func (l *List) Forget(names ...string) error {
	return l.change(func(files map[string]string) {
		for _, name := range names {
			delete(files, filepath.ToSlash(name))
		}
	})
}

func (l *List) change(do func(map[string]string)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := maps.Clone(l.files)
	do(next)
	if maps.Equal(next, l.files) {
		return nil
	}
	if err := durable.WriteSealed(l.path(File), next); err != nil {
		return err
	}
	l.files = next
	return nil
}

// Lost is a file that was there, and is not, or is not what it was.
type Lost struct {
	Name    string // in the folder
	Altered bool   // it is there
}

// Lost compares the list with the folder.
func (l *List) Lost() (lost []Lost, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(l.files)) {
		if l.files[name] == "" {
			there, err := durable.Exists(l.path(name))
			if err != nil {
				return nil, err
			}
			if !there {
				lost = append(lost, Lost{Name: name})
			}
			continue
		}
		content, err := os.ReadFile(l.path(name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err != nil || !begins(content, l.files[name]) {
			lost = append(lost, Lost{Name: name, Altered: err == nil})
		}
	}
	return lost, nil
}
