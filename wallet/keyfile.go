package wallet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"filippo.io/age"
	"filippo.io/age/armor"
)

var (
	// ErrPassphrase: the passphrase does not open the key file.
	ErrPassphrase = errors.New("wallet: wrong passphrase")
	// ErrPassphraseEmpty: a key file without a passphrase is a key in the open.
	ErrPassphraseEmpty = errors.New("wallet: the passphrase is empty")
	// ErrDamaged: the file is no key file, or not whole.
	ErrDamaged = errors.New("wallet: not a key file, or a damaged one")
	// ErrWorkFactor: a key file made so could not be opened again.
	ErrWorkFactor = fmt.Errorf("wallet: the work factor is 1 to %d", MaxWorkFactor)
)

const (
	// DefaultWorkFactor makes one guess at a passphrase cost about a second:
	// scrypt with N = 2^18.
	DefaultWorkFactor = 18
	// MaxWorkFactor bounds what opening somebody else's file may cost: 15 s.
	MaxWorkFactor = 22
	// maxKeyFile bounds a key file, which has about 600 bytes.
	maxKeyFile = 16 << 10

	keyFileVersion = 1
)

// keyFile is what a key file has inside its encryption.
type keyFile struct {
	Version    int    `json:"version"`
	PrivateKey string `json:"private_key"`
	Address    string `json:"address"`
	Created    string `json:"created"` // RFC 3339, UTC
}

// Stored is a key with what its file says about it.
type Stored struct {
	Key     *Key
	Created time.Time
}

// encodeKeyFile is the text of a key file: age's armor, which `age -d` opens.
func encodeKeyFile(s Stored, passphrase string, workFactor int) ([]byte, error) {
	if passphrase == "" {
		return nil, ErrPassphraseEmpty
	}
	payload, err := json.Marshal(keyFile{
		Version: keyFileVersion, PrivateKey: s.Key.PrivateHex(), Address: s.Key.Address(),
		Created: s.Created.UTC().Format(time.RFC3339),
	})
	if err != nil {
		return nil, err
	}
	recipient, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	recipient.SetWorkFactor(workFactor)
	return encrypt(payload, recipient)
}

func encrypt(payload []byte, recipient age.Recipient) ([]byte, error) {
	var text bytes.Buffer
	armored := armor.NewWriter(&text)
	inner, err := age.Encrypt(armored, recipient)
	if err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if _, err := inner.Write(payload); err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	if err := errors.Join(inner.Close(), armored.Close()); err != nil {
		return nil, fmt.Errorf("wallet: %w", err)
	}
	return text.Bytes(), nil
}

// decodeKeyFile opens the text of a key file.
func decodeKeyFile(text []byte, passphrase string, maxWork int) (Stored, error) {
	if passphrase == "" {
		return Stored{}, ErrPassphraseEmpty
	}
	identity, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return Stored{}, fmt.Errorf("wallet: %w", err)
	}
	identity.SetMaxWorkFactor(maxWork)
	inner, err := age.Decrypt(armor.NewReader(bytes.NewReader(text)), identity)
	if err != nil {
		return Stored{}, openError(err)
	}
	payload, err := io.ReadAll(io.LimitReader(inner, maxKeyFile))
	if err != nil {
		return Stored{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return decodePayload(payload)
}

// openError tells a wrong passphrase from a file that has none. age calls
// both an identity that does not match.
func openError(err error) error {
	var mismatch *age.NoIdentityMatchError
	if errors.As(err, &mismatch) && len(mismatch.StanzaTypes) == 1 && mismatch.StanzaTypes[0] == "scrypt" {
		return ErrPassphrase
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// decodePayload reads what stood inside the encryption. It is strict: a field
// that this version does not know may be one that matters.
func decodePayload(payload []byte) (Stored, error) {
	var f keyFile
	d := json.NewDecoder(bytes.NewReader(payload))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return Stored{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Stored{}, fmt.Errorf("%w: there is text after the key", ErrDamaged)
	}
	if f.Version != keyFileVersion {
		return Stored{}, fmt.Errorf("%w: version %d, this program knows %d", ErrDamaged, f.Version, keyFileVersion)
	}
	created, err := time.Parse(time.RFC3339, f.Created)
	if err != nil {
		return Stored{}, fmt.Errorf("%w: created: %w", ErrDamaged, err)
	}
	key, err := ParseKey(f.PrivateKey)
	if err != nil {
		return Stored{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if key, err = key.For(f.Address); err != nil {
		return Stored{}, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return Stored{Key: key, Created: created.UTC()}, nil
}
