package wallet

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

var (
	// ErrName: a key's name is 1 to 64 of a-z, 0-9 and -.
	ErrName = errors.New("wallet: a name is 1 to 64 of a-z, 0-9 and -")
	// ErrExists: there is a key of that name, and none is ever overwritten.
	ErrExists = errors.New("wallet: there is a key of that name")
	// ErrNotFound: there is no key of that name.
	ErrNotFound = errors.New("wallet: there is no key of that name")
	// ErrPermissions: others than its owner can get at a key.
	ErrPermissions = errors.New("wallet: others than its owner can get at it")
	// ErrAddressChanged: the address beside a key file is not the key's.
	ErrAddressChanged = errors.New("wallet: the address file beside the key was changed")
)

const (
	maxName    = 64
	keySuffix  = ".age"
	addrSuffix = ".address"

	filePerm = 0o600
	dirPerm  = 0o700
	// othersMask is what group and world must have none of.
	othersMask = 0o077
)

// Keystore is a folder of key files, NAME.age, each encrypted under its
// passphrase. Beside each, NAME.address tells the address without one; the
// address that counts is inside the encryption.
type Keystore struct {
	Dir        string
	WorkFactor int // scrypt, as a power of two; 0: DefaultWorkFactor
}

// Entry is a key as it can be told without its passphrase.
type Entry struct {
	Name    string `json:"name"`
	Address string `json:"address"` // "" when it takes the passphrase to tell
}

// New draws a key and stores it under name.
func (s *Keystore) New(name, passphrase string) (*Key, error) {
	key, err := New(rand.Reader)
	if err != nil {
		return nil, err
	}
	return key, s.Store(name, passphrase, key)
}

// NewFor draws a key for an address that another key has, and stores it under
// name: the key that the wallet is to be rotated to.
func (s *Keystore) NewFor(name, passphrase, address string) (*Key, error) {
	key, err := New(rand.Reader)
	if err == nil {
		key, err = key.For(address)
	}
	if err != nil {
		return nil, err
	}
	return key, s.Store(name, passphrase, key)
}

// Store puts a key under a name that is free. When it returns nil the key is
// on disk, and tokens may be sent to its address.
func (s *Keystore) Store(name, passphrase string, key *Key) error {
	if err := s.Free(name); err != nil {
		return err
	}
	work := s.WorkFactor
	if work == 0 {
		work = DefaultWorkFactor
	}
	if work < 1 || work > MaxWorkFactor {
		return fmt.Errorf("%w, not %d", ErrWorkFactor, work)
	}
	text, err := encodeKeyFile(Stored{Key: key, Created: time.Now()}, passphrase, work)
	if err != nil {
		return err
	}
	return s.write(name, text, key.Address())
}

// Load opens the key of that name.
func (s *Keystore) Load(name, passphrase string) (Stored, error) {
	text, err := s.read(name)
	if err != nil {
		return Stored{}, err
	}
	stored, err := decodeKeyFile(text, passphrase, MaxWorkFactor)
	if err != nil {
		return Stored{}, fmt.Errorf("%w: %s", err, s.path(name, keySuffix))
	}
	address, err := s.Address(name)
	switch {
	case errors.Is(err, ErrNotFound): // a crash between the two files
		return stored, s.writeAddress(name, stored.Key.Address())
	case err == nil && address != stored.Key.Address():
		err = fmt.Errorf("%w: %s says %s, the key signs for %s",
			ErrAddressChanged, s.path(name, addrSuffix), address, stored.Key.Address())
	}
	return stored, err
}

// Export is the text of a key file, still encrypted.
func (s *Keystore) Export(name string) ([]byte, error) { return s.read(name) }

// Import stores the text of a key file that Export gave, once the passphrase
// has opened it.
func (s *Keystore) Import(name, passphrase string, text []byte) (*Key, error) {
	if err := s.Free(name); err != nil {
		return nil, err
	}
	if len(text) > maxKeyFile {
		return nil, fmt.Errorf("%w: over %d bytes", ErrDamaged, maxKeyFile)
	}
	stored, err := decodeKeyFile(text, passphrase, MaxWorkFactor)
	if err != nil {
		return nil, err
	}
	return stored.Key, s.write(name, text, stored.Key.Address())
}

// Free tells whether a key can be stored under name, so that nobody types a
// passphrase in vain.
func (s *Keystore) Free(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	_, err := os.Lstat(s.path(name, keySuffix))
	switch {
	case err == nil:
		return fmt.Errorf("%w: %s", ErrExists, s.path(name, keySuffix))
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("wallet: %w", err)
	}
	return nil
}

// List tells the keys in order of their names. A folder that does not exist
// has none.
func (s *Keystore) List() ([]Entry, error) {
	files, err := os.ReadDir(s.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	entries := []Entry{}
	for _, f := range files {
		name, isKey := strings.CutSuffix(f.Name(), keySuffix)
		if !isKey || checkName(name) != nil {
			continue
		}
		address, err := s.Address(name)
		if err != nil && !errors.Is(err, ErrNotFound) {
			return nil, err
		}
		entries = append(entries, Entry{Name: name, Address: address})
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries, nil
}

func checkName(name string) error {
	bad := func(c rune) bool { return (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' }
	if name == "" || len(name) > maxName || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}

// path is that of one of a key's files; name has been checked, so it stays
// inside the folder.
func (s *Keystore) path(name, suffix string) string { return filepath.Join(s.Dir, name+suffix) }

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
	text, err := readFile(path, maxKeyFile)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkOwn(s.Dir), checkOwn(path)); err != nil {
		return nil, err
	}
	return text, nil
}

// readFile reads a file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %s", ErrNotFound, path)
	}
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if int64(len(text)) > most {
		return nil, fmt.Errorf("%w: %s has over %d bytes", ErrDamaged, path, most)
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
