package wallet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"github.com/bpsc/bpsc/chain"
)

const (
	filePerm = 0o600
	dirPerm  = 0o700
	// othersMask is what group and world must have none of.
	othersMask = 0o077
)

// write stores a key file and its address. The key comes first: an address
// without a key would be one to send tokens to in vain.
func (s *Keystore) write(name string, text []byte, address string) error {
	if err := s.makeDir(); err != nil {
		return err
	}
	if err := writeNew(s.path(name, keySuffix), text); err != nil {
		return err
	}
	if err := s.writeAddress(name, address); err != nil {
		return err
	}
	return syncDir(s.Dir)
}

// makeDir makes the folder, or checks that it is its owner's alone.
func (s *Keystore) makeDir() error {
	if err := os.MkdirAll(s.Dir, dirPerm); err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	return checkOwn(s.Dir)
}

func checkOwn(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	if perm := info.Mode().Perm(); perm&othersMask != 0 {
		return fmt.Errorf("%w: %s has mode %04o; chmod go= it, and think of who may have read it", ErrPermissions, path, perm)
	}
	return nil
}

// writeNew makes a file appear whole under a name that is free. A rename would
// replace a key that another process stored meanwhile; a link does not.
func writeNew(path string, data []byte) error {
	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(tempDir(path)), renameio.WithStaticPermissions(filePerm))
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	_, err = pending.Write(data)
	if err == nil {
		err = pending.Sync()
	}
	if err == nil {
		err = os.Link(pending.Name(), path)
	}
	if errors.Is(err, fs.ErrExist) {
		err = fmt.Errorf("%w: %s", ErrExists, path)
	} else if err != nil {
		err = fmt.Errorf("wallet: %w", err)
	}
	if cleanErr := pending.Cleanup(); err == nil && cleanErr != nil {
		err = fmt.Errorf("wallet: %w", cleanErr)
	}
	return err
}

func (s *Keystore) writeAddress(name, address string) error {
	path := s.path(name, addrSuffix)
	err := renameio.WriteFile(path, []byte(address+"\n"), filePerm,
		renameio.WithTempDir(tempDir(path)), renameio.WithStaticPermissions(filePerm))
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	return nil
}

// tempDir is where path's file is made: beside it, never in a folder that
// others can read or that is another file system.
func tempDir(path string) string { return filepath.Dir(path) }

// syncDir makes the names of new files last. Who is told an address may send
// tokens to it at once.
func syncDir(path string) error {
	dir, err := os.Open(path)
	if err == nil {
		err = errors.Join(dir.Sync(), dir.Close())
	}
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	return nil
}

// read reads a key file that only its owner can read, in a folder that only
// its owner can change.
func (s *Keystore) read(name string) ([]byte, error) {
	if err := checkName(name); err != nil {
		return nil, err
	}
	path := s.path(name, keySuffix)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	defer f.Close()
	if err := errors.Join(checkOwn(s.Dir), checkOwn(path)); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile+1))
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%w: %s has over %d bytes", ErrDamaged, path, maxKeyFile)
	}
	return text, nil
}

// Address tells what a key signs for, without its passphrase.
func (s *Keystore) Address(name string) (string, error) {
	if err := checkName(name); err != nil {
		return "", err
	}
	path := s.path(name, addrSuffix)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if err != nil {
		return "", fmt.Errorf("wallet: %w", err)
	}
	address := strings.TrimSpace(string(text))
	if err := chain.ValidateAddress("address", address); err != nil {
		return "", fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return address, nil
}
