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
	sum := sha256.Sum256(append([]byte(name+"\n"), k.material()...))
	k.id = binary.BigEndian.Uint32(sum[:])
	return k, nil
}

// ParseVerifierKey reads a key as String writes it.
func ParseVerifierKey(text string) (VerifierKey, error) {
	name, rest, _ := strings.Cut(text, "+")
	_, encoded, _ := strings.Cut(rest, "+")
	material, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(material) != 1+ed25519.PublicKeySize || material[0] != algCosignature {
		return VerifierKey{}, fmt.Errorf("%w: %.80q is not a cosigner's Ed25519 key", ErrKey, text)
	}
	k, err := NewVerifierKey(name, chain.PublicKey(material[1:]))
	if err == nil && k.String() != text {
		err = fmt.Errorf("%w: %.80q does not agree with itself", ErrKey, text)
	}
	if err != nil {
		return VerifierKey{}, err
	}
	return k, nil
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
	if name == "" || len(name) > MaxKeyNameBytes || !utf8.ValidString(name) {
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
