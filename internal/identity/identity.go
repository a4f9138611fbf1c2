// Package identity names the members of a cluster. The same names are used in the
// members' configuration, in handshakes and in the log.
package identity

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	// MaxIDBytes bounds a member's id, which is in every handshake and signature.
	MaxIDBytes = 64

	// instanceBytes is enough for two disks never to draw the same instance.
	instanceBytes = 16

	// separator stands between id and instance; no id has it.
	separator = "~"
)

// ErrInvalid: a text is no id, instance or identity.
var ErrInvalid = errors.New("identity is not valid")

// Identity is one member on one disk. A member of the cluster's first configuration
// is its id alone; who joined later is "id~instance", so that a disk that is lost and
// the one in its place never pass for each other.
type Identity string

// New is the identity of id on the disk with that instance; "" for a founder.
func New(id, instance string) Identity {
	if instance == "" {
		return Identity(id)
	}
	return Identity(id + separator + instance)
}

// Parse checks a text that came from outside.
func Parse(text string) (Identity, error) {
	id, instance, joined := strings.Cut(text, separator)
	if err := Valid(id); err != nil {
		return "", err
	}
	if joined {
		if err := ValidInstance(instance); err != nil {
			return "", err
		}
	}
	return Identity(text), nil
}

// ID is the member's id, which a replacement keeps.
func (i Identity) ID() string {
	id, _, _ := strings.Cut(string(i), separator)
	return id
}

// Instance tells the disk; "" for a founder's.
func (i Identity) Instance() string {
	_, instance, _ := strings.Cut(string(i), separator)
	return instance
}

// NewInstance draws what a new data folder is known by: 32 hexadecimal digits.
func NewInstance() string {
	var b [instanceBytes]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// Valid reports what is wrong with an id.
func Valid(id string) error {
	switch {
	case id == "" || len(id) > MaxIDBytes:
		return fmt.Errorf("%w: id %q must have 1 to %d bytes", ErrInvalid, id, MaxIDBytes)
	case strings.Contains(id, separator):
		return fmt.Errorf("%w: id %q must not contain %q", ErrInvalid, id, separator)
	}
	return nil
}

// ValidInstance reports what is wrong with an instance.
func ValidInstance(instance string) error {
	if len(instance) != 2*instanceBytes || strings.Trim(instance, "0123456789abcdef") != "" {
		return fmt.Errorf("%w: instance %q must be %d lower-case hexadecimal digits", ErrInvalid, instance, 2*instanceBytes)
	}
	return nil
}
