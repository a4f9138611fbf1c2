// Package token is what an access token is: the text that a client sends, of which
// nobody but the client keeps more than a hash, and what a cluster knows of it. See
// docs/adr/0042-tokens.md.
package token

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bpsc/bpsc/internal/wireformat"
)

const (
	// prefix begins every token, so that people and scanners for secrets know one.
	prefix = "bpsc_"

	// secretBytes are drawn for a token: nobody guesses 256 bits.
	secretBytes = 32

	// idBytes of its hash name a token. Of a thousand tokens two have the same name
	// once in 5·10^8 times, and then the second is refused.
	idBytes = 6

	// MaxName is the longest name of a token, in bytes.
	MaxName = 64
)

// ErrInvalid: a text is no token, or a token's fields cannot be.
var ErrInvalid = errors.New("not a token")

var encoding = base64.RawURLEncoding.Strict()

// TextBytes is the length of every token.
const TextBytes = len(prefix) + (8*secretBytes+5)/6

// Hash is the SHA-256 of a token's text.
type Hash [sha256.Size]byte

// New draws a token.
func New(random io.Reader) (text string, h Hash, err error) {
	var secret [secretBytes]byte
	if _, err := io.ReadFull(random, secret[:]); err != nil {
		return "", h, fmt.Errorf("token: no random bytes: %w", err)
	}
	text = prefix + encoding.EncodeToString(secret[:])
	return text, sha256.Sum256([]byte(text)), nil
}

// Parse returns the hash of a text that has the form of a token. Its error does not
// show the text.
func Parse(text string) (h Hash, err error) {
	secret, ok := strings.CutPrefix(text, prefix)
	if !ok || len(text) != TextBytes {
		return h, ErrInvalid
	}
	if _, err := encoding.DecodeString(secret); err != nil {
		return h, ErrInvalid
	}
	return sha256.Sum256([]byte(text)), nil
}

// In tells whether a token stands anywhere in a text.
func In(text string) bool {
	for {
		_, rest, found := strings.Cut(text, prefix)
		if !found {
			return false
		}
		if len(rest) >= TextBytes-len(prefix) && strings.Trim(rest[:TextBytes-len(prefix)], alphabet) == "" {
			return true
		}
		text = rest
	}
}

const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

// ID is the name of the token in lists and logs.
func (h Hash) ID() string { return hex.EncodeToString(h[:idBytes]) }

// Token is what a cluster knows of a token. Times are unix seconds, 0 for never.
type Token struct {
	Hash     Hash
	Name     string // for people
	Roles    Roles
	Contract string // that it is limited to; "" for all
	Made     int64
	Expires  int64
	Parent   string // id of the token that made it; "" where no token did
	Revoked  int64
}

// ID names the token.
func (t *Token) ID() string { return t.Hash.ID() }

// Check says what is wrong with what somebody asks a token to be.
func (t *Token) Check() error {
	switch {
	case !t.Roles.Valid():
		return fmt.Errorf("%w: it needs a role: %s", ErrInvalid, strings.Join(names, ", "))
	case t.Name == "" || len(t.Name) > MaxName || !utf8.ValidString(t.Name) || strings.ContainsFunc(t.Name, unicode.IsControl):
		return fmt.Errorf("%w: its name must have 1 to %d bytes of printable text", ErrInvalid, MaxName)
	case In(t.Name):
		return fmt.Errorf("%w: its name has a token in it, and everybody who may list tokens can read that", ErrInvalid)
	case t.Expires < 0:
		return fmt.Errorf("%w: it expires before 1970", ErrInvalid)
	}
	return nil
}

// Expired tells whether it is good no more at a time.
func (t *Token) Expired(now int64) bool { return t.Expires > 0 && now >= t.Expires }

// Live tells whether it is good at a time.
func (t *Token) Live(now int64) bool { return t.Revoked == 0 && !t.Expired(now) }

// Ended is since when it is good no more; 0 where it is, or may be.
func (t *Token) Ended(now int64) int64 {
	switch {
	case t.Revoked > 0 && (!t.Expired(now) || t.Revoked < t.Expires):
		return t.Revoked
	case t.Expired(now):
		return t.Expires
	}
	return 0
}

// Covers tells whether a token of t may make other: it gives no role, no contract and no
// time that t does not have.
func (t *Token) Covers(other *Token) bool {
	return other.Roles.Within(t.Roles) &&
		(t.Contract == "" || t.Contract == other.Contract) &&
		(t.Expires == 0 || other.Expires > 0 && other.Expires <= t.Expires)
}

// Encode writes the token as it is stored.
func (t *Token) Encode() []byte {
	c := wireformat.NewWriter(nil)
	t.fields(c)
	return c.Written()
}

// Decode reads what Encode has written, and nothing else.
func Decode(row []byte) (*Token, error) {
	t, c := &Token{}, wireformat.NewReader(row)
	c.Require(1)
	t.fields(c)
	if err := c.Finish(); err != nil {
		return nil, err
	}
	return t, t.Check()
}

func (t *Token) fields(c *wireformat.Codec) {
	c.Fixed(1, t.Hash[:])
	c.Text(2, &t.Name)
	c.Uint(3, (*uint64)(&t.Roles))
	c.Text(4, &t.Contract)
	c.Int(5, &t.Made)
	c.Int(6, &t.Expires)
	c.Text(7, &t.Parent)
	c.Int(8, &t.Revoked)
}
