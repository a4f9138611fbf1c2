package wallet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
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
	path := s.path(name, keySuffix)
	// Not WriteFile: another process may have stored a key of this name meanwhile.
	err := durable.CreateFile(path, text, filePerm)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%w: %s", ErrExists, path)
	}
	if err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	return s.writeAddress(name, address)
}

func (s *Keystore) writeAddress(name, address string) error {
	if err := durable.WriteFile(s.path(name, addrSuffix), []byte(address+"\n"), filePerm); err != nil {
		return fmt.Errorf("wallet: %w", err)
	}
	return nil
}

// makeDir makes the folder, or checks that it is its owner's alone.
func (s *Keystore) makeDir() error {
	if err := durable.MkdirAll(s.Dir, dirPerm); err != nil {
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
