package proof

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bpsc/bpsc/chain"
)

// algCosignature marks keys of timestamped Ed25519 cosignatures
// (c2sp.org/signed-note, c2sp.org/tlog-cosignature).
const algCosignature = 0x04

// cosignatureBytes is the time and the Ed25519 signature.
const cosignatureBytes = 8 + ed25519.SignatureSize

// VerifierKey is the public key of a member or a witness, with its name.
type VerifierKey struct {
	name   string
	id     uint32 // tells keys of one name apart in a note
	public chain.PublicKey
}

// KeyName is the name of a member's key: bpsc/<cluster>/<member>, or
// bpsc/<member> where the cluster has no name. Both are of letters, digits,
// dots, hyphens and underscores, 1 to 64 of them.
func KeyName(cluster, member string) (string, error) {
	if cluster != "" && !validName(cluster) || !validName(member) {
		return "", fmt.Errorf("%w: %.80q in cluster %.80q cannot be in the name of a key", ErrKey, member, cluster)
	}
	if cluster != "" {
		member = cluster + "/" + member
	}
	return originPrefix + "/" + member, nil
}

// NewVerifierKey gives a public key its name.
func NewVerifierKey(name string, public chain.PublicKey) (VerifierKey, error) {
	if !validKeyName(name) {
		return VerifierKey{}, fmt.Errorf("%w: %.80q cannot be the name of a key", ErrKey, name)
	}
	if public.IsZero() {
		return VerifierKey{}, fmt.Errorf("%w: the key of %q is no key", ErrKey, name)
	}
	k := VerifierKey{name: name, public: public}
	k.id = keyID(name, k.material())
	return k, nil
}

// keyID is what tells keys of one name apart (c2sp.org/signed-note).
func keyID(name string, material []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), material...))
	return binary.BigEndian.Uint32(sum[:])
}

// ParseVerifierKey reads a key as String writes it.
func ParseVerifierKey(text string) (VerifierKey, error) {
	name, public, ok := parseKey(text, ed25519.PublicKeySize)
	if !ok {
		return VerifierKey{}, fmt.Errorf("%w: %.80q is not a cosigner's Ed25519 key", ErrKey, text)
	}
	k, err := NewVerifierKey(name, chain.PublicKey(public))
	if err == nil && k.String() != text {
		err = fmt.Errorf("%w: %.80q does not agree with itself", ErrKey, text)
	}
	if err != nil {
		return VerifierKey{}, err
	}
	return k, nil
}

// parseKey takes <name>+<id>+<base64> apart. The id is for the caller to compare.
func parseKey(text string, size int) (name string, key []byte, ok bool) {
	name, rest, _ := strings.Cut(text, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	material, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(material) != 1+size || material[0] != algCosignature {
		return "", nil, false
	}
	return name, material[1:], true
}

// String is the key as a signed note's vkey: <name>+<id>+<base64>.
func (k VerifierKey) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.id, base64.StdEncoding.EncodeToString(k.material()))
}

// MarshalText writes k as String does.
func (k VerifierKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Name is the name that signatures carry.
func (k VerifierKey) Name() string { return k.name }

// Public is the bare key.
func (k VerifierKey) Public() chain.PublicKey { return k.public }

func (k VerifierKey) material() []byte { return append([]byte{algCosignature}, k.public[:]...) }

// CheckLine checks one signature, as Cosign returns it, over the text of a
// checkpoint or a handover.
func (k VerifierKey) CheckLine(body []byte, line string) error {
	s, err := parseLine(line)
	if err != nil {
		return err
	}
	if s.name != k.name || s.id != k.id {
		return fmt.Errorf("%w: by %.80q, not by %s", ErrSignature, s.name, k.name)
	}
	_, err = k.check(body, s.bytes)
	return err
}

// check verifies a cosignature over the text of a checkpoint and returns when
// it was made.
func (k VerifierKey) check(body, cosignature []byte) (unix chain.Seconds, err error) {
	if len(cosignature) != cosignatureBytes {
		return 0, fmt.Errorf("%w: %s", ErrTimestamp, k.name)
	}
	at := binary.BigEndian.Uint64(cosignature)
	if !chain.Seconds(at).Within() {
		return 0, fmt.Errorf("%w: %s: %d is no time", ErrTimestamp, k.name, at)
	}
	if !ed25519.Verify(k.public[:], cosigned(body, chain.Seconds(at)), cosignature[8:]) {
		return 0, fmt.Errorf("%w: %s", ErrSignature, k.name)
	}
	return chain.Seconds(at), nil
}

// cosigned is the message that a cosignature is over.
func cosigned(body []byte, unix chain.Seconds) []byte {
	message := strconv.AppendInt([]byte("cosignature/v1\ntime "), int64(unix), 10)
	return append(append(message, '\n'), body...)
}

// validKeyName tells whether a signature line can carry the name.
func validKeyName(name string) bool {
	if name == "" || len(name) > maxKeyNameBytes || !utf8.ValidString(name) {
		return false
	}
	return strings.IndexFunc(name, func(r rune) bool {
		return r == '+' || unicode.IsSpace(r) || unicode.IsControl(r)
	}) < 0
}

// validName tells whether a member or a witness may be called so.
func validName(name string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return name != "" && len(name) <= 64 && only(name, allowed)
}

// SigningKey is the private key of a member. Printed, it shows the public
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
	name, seed, ok := parseKey(rest, ed25519.SeedSize)
	if !ok || !found {
		return SigningKey{}, fmt.Errorf("%w: not a cosigner's private key", ErrKey)
	}
	k, err := NewSigningKey(name, [ed25519.SeedSize]byte(seed))
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

// Cosign signs the text of a checkpoint or a handover as of a time in unix
// seconds and returns the signature's line, without its newline. It signs
// nothing else. Who calls it answers for never signing two that contradict each
// other.
func Cosign(body []byte, key SigningKey, unix chain.Seconds) (line string, err error) {
	if isHandover(body) {
		_, err = ParseHandover(body)
	} else {
		_, err = ParseCheckpoint(body)
	}
	if err != nil {
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
