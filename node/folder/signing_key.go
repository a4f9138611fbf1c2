package folder

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/durable"
)

// The files of a member's and of a witness's key.
const (
	MemberKey  = "member.key"
	WitnessKey = "witness.key"
)

// ErrKey: what is in the file of a key is none.
var ErrKey = errors.New("the key is damaged")

// SigningKey is the key in a file, made when there is none. Whoever has the
// file speaks for its owner: a member, or a witness, whose keys have names of
// their own.
func SigningKey(path, group, owner string) (proof.SigningKey, error) {
	name, err := proof.KeyName(group, owner)
	if err != nil {
		return proof.SigningKey{}, fmt.Errorf("%w: %w", ErrUsage, err)
	}
	k, err := readSigningKey(path, name)
	if errors.Is(err, os.ErrNotExist) {
		return newSigningKey(path, name)
	}
	return k, err
}

// CheckSigningKey finds what SigningKey would, and writes nothing.
func CheckSigningKey(path, group, owner string) error {
	name, err := proof.KeyName(group, owner)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUsage, err)
	}
	if _, err := readSigningKey(path, name); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

func readSigningKey(path, name string) (proof.SigningKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return proof.SigningKey{}, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return proof.SigningKey{}, err
	}
	if open := info.Mode().Perm() & 0o077; open != 0 {
		return proof.SigningKey{}, fmt.Errorf("%s can be read by others (mode %04o): chmod 600 it, and replace the key if somebody may have read it", path, info.Mode().Perm())
	}
	k, err := proof.ParseSigningKey(string(text))
	if err != nil {
		return k, fmt.Errorf("%w: %s: %w", ErrKey, path, err)
	}
	if k.Verifier().Name() != name {
		err = fmt.Errorf("it is the key of %s, not of %s", k.Verifier().Name(), name)
	}
	if err != nil {
		return proof.SigningKey{}, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}

// KeyDamage tells whether the key of a member that was at work is there and is none; nil
// where it is a key, whosever it is, or cannot be read now.
func KeyDamage(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	if _, err := proof.ParseSigningKey(string(text)); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrKey, path, err)
	}
	return nil
}

func newSigningKey(path, name string) (proof.SigningKey, error) {
	var seed [32]byte
	if _, err := rand.Read(seed[:]); err != nil {
		return proof.SigningKey{}, err
	}
	k, err := proof.NewSigningKey(name, seed)
	if err != nil {
		return proof.SigningKey{}, err
	}
	return k, durable.WriteFile(path, []byte(k.Encode()+"\n"), 0o600)
}
