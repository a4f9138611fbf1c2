package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"go.yaml.in/yaml/v3"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/secretfile"
)

const (
	maxContextsFile = 256 << 10 // bytes: some hundred contexts
	contextsFile    = "contexts.yaml"

	// contextsWait is how long a change waits for others', which take milliseconds.
	contextsWait  = 10 * time.Second
	contextsRetry = 5 * time.Millisecond
)

// errNoConfigFolder: the environment names no home.
var errNoConfigFolder = errors.New("there is no folder to keep contexts in: set HOME or XDG_CONFIG_HOME")

// contextsPath is where they are kept: in bpsc of the user's folder for configuration, or
// where a symbolic link there leads, as whoever keeps such files in a repository has it.
func contextsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errNoConfigFolder, err)
	}
	path := filepath.Join(dir, "bpsc", contextsFile)
	end, err := filepath.EvalSymlinks(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return end, err
	}
	if to, err := os.Readlink(path); err == nil { // to a file that is not there yet
		if !filepath.IsAbs(to) { // it is relative to where its folder really is
			if dir, err = filepath.EvalSymlinks(filepath.Dir(path)); err != nil {
				return "", err
			}
			to = filepath.Join(dir, to)
		}
		return to, nil
	}
	return path, nil
}

// ReadContexts reads them; there are none where there is no file, or no home to have
// one in.
func ReadContexts() (*Contexts, error) {
	path, err := contextsPath()
	if errors.Is(err, errNoConfigFolder) {
		return &Contexts{All: map[string]Context{}}, nil
	} else if err != nil {
		return nil, ArgError("contexts: %w", err)
	}
	return readContexts(path)
}

// readContexts reads a file that its owner alone can change: whoever else could would
// choose whom the owner's tokens are sent to.
func readContexts(path string) (*Contexts, error) {
	c := &Contexts{All: map[string]Context{}}
	text, err := secretfile.ReadOwn(path, maxContextsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	} else if err != nil {
		return nil, ArgError("contexts: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err = d.Decode(c); errors.Is(err, io.EOF) { // nothing but comments, or not even those
		err = nil
	}
	if err == nil {
		err = c.validate()
	}
	if err != nil {
		return nil, ArgError("contexts in %s: %w", path, err)
	}
	if c.All == nil {
		c.All = map[string]Context{}
	}
	return c, nil
}

// ChangeContexts reads them, has them changed, and keeps what they are then. Nobody else
// changes them meanwhile. An error of change leaves them as they were.
func ChangeContexts(ctx context.Context, change func(*Contexts) error) (err error) {
	path, err := contextsPath()
	if err != nil {
		return ArgError("contexts: %w", err)
	}
	if err := durable.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	lock := flock.New(path+".lock", flock.SetPermissions(0o600))
	ctx, cancel := context.WithTimeout(ctx, contextsWait)
	defer cancel()
	if _, err := lock.TryLockContext(ctx, contextsRetry); err != nil {
		if ctx.Err() != nil {
			err = fmt.Errorf("%s is held by another command: %w", lock.Path(), err)
		}
		return fmt.Errorf("contexts: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	c, err := readContexts(path)
	if err != nil {
		return err
	}
	if err := change(c); err != nil {
		return err
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text, 0o600)
}
