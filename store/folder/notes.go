package folder

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/bpsc/bpsc/internal/release"
)

const (
	// LevelFile says what a binary must know to open the database: whoever does not know a
	// level may not be able to, and is to say so in our words. It is there from the second
	// level on.
	LevelFile = "LEVEL"

	// auditedFile names the database that was restored from a snapshot and audited since. The
	// first database of a folder was restored from nothing, and each that is restored has a
	// name of its own, so one that is not audited yet can be told without a mark.
	auditedFile = "AUDITED"
)

// Level is what a binary must know to open the database; zero where nothing is said.
func (f Folder) Level() (need release.Need, err error) {
	err = f.disk.ReadSealed(f.Path(LevelFile), &need)
	if errors.Is(err, fs.ErrNotExist) {
		return release.Need{}, nil
	}
	return need, err
}

// SetLevel notes it durably.
func (f Folder) SetLevel(need release.Need) error {
	return f.disk.WriteSealed(f.Path(LevelFile), need)
}

// Audited is the database that SetAudited has named; "": none.
func (f Folder) Audited() (string, error) {
	path := f.Path(auditedFile)
	there, err := f.disk.Exists(path)
	if err != nil || !there {
		return "", err
	}
	if err := f.disk.Settle(path); err != nil {
		return "", err
	}
	text, err := f.read(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("%s: %w", path, err)
	}
	return strings.TrimSpace(text), nil
}

// SetAudited notes durably that a database that was restored has been audited.
func (f Folder) SetAudited(name string) error {
	return f.disk.WriteFile(f.Path(auditedFile), []byte(name+"\n"), 0o600)
}
