package proof

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/bpsc/bpsc/chain"
)

// SigningKey is the private key of a member. Whoever prints it sees the public
// one.
type SigningKey struct {
	verifier VerifierKey
	private  ed25519.PrivateKey
}

// secretPrefix begins the text of every private key.
const secretPrefix = "PRIVATE+KEY+"

// NewSigningKey makes the key that a seed of random bytes stands for.
func NewSigningKey(name string, seed [ed25519.SeedSize]byte) (SigningKey, error) {
	k := SigningKey{private: ed25519.NewKeyFromSeed(seed[:])}
	var err error
	k.verifier, err = NewVerifierKey(name, [32]byte(k.private[ed25519.SeedSize:]))
	if err != nil {
		return SigningKey{}, err
	}
	return k, nil
}

// ParseSigningKey reads a key as Encode writes it, with or without a newline
// behind it. Its errors do not quote the secret.
func ParseSigningKey(text string) (SigningKey, error) {
	text = strings.TrimSuffix(text, "\n")
	rest, found := strings.CutPrefix(text, secretPrefix)
	name, rest, _ := strings.Cut(rest, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	material, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !found || len(material) != 1+ed25519.SeedSize || material[0] != algCosignature {
		return SigningKey{}, fmt.Errorf("%w: not a cosigner's private key", ErrKey)
	}
	k, err := NewSigningKey(name, [ed25519.SeedSize]byte(material[1:]))
	if err == nil && k.Encode() != text {
		err = fmt.Errorf("%w: the private key does not agree with itself", ErrKey)
	}
	if err != nil {
		return SigningKey{}, err
	}
	return k, nil
}

// Encode is the secret as a key file holds it: PRIVATE+KEY+<name>+<id>+<base64>.
func (k SigningKey) Encode() string {
	material := append([]byte{algCosignature}, k.private.Seed()...)
	return fmt.Sprintf("%s%s+%08x+%s", secretPrefix, k.verifier.name, k.verifier.id, base64.StdEncoding.EncodeToString(material))
}

// Verifier is the public half.
func (k SigningKey) Verifier() VerifierKey { return k.verifier }

// String is the public half.
func (k SigningKey) String() string { return k.verifier.String() }

// GoString is the public half.
func (k SigningKey) GoString() string { return k.verifier.String() }

// Cosign signs the text of a checkpoint as of a time in unix seconds and
// returns the signature's line, without its newline. It signs nothing but
// checkpoints. Who calls it answers for never signing two that contradict each
// other.
func Cosign(body []byte, key SigningKey, unix chain.Seconds) (line string, err error) {
	if _, err := ParseCheckpoint(body); err != nil {
		return "", err
	}
	if !unix.Within() {
		return "", fmt.Errorf("%w: %d is no time", ErrTimestamp, unix)
	}
	s := signature{name: key.verifier.name, id: key.verifier.id}
	s.bytes = binary.BigEndian.AppendUint64(nil, uint64(unix))
	s.bytes = append(s.bytes, ed25519.Sign(key.private, cosigned(body, unix))...)
	return s.line(), nil
}
