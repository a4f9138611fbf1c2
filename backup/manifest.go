package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/release"
)

// format is the version of archives. Another one is told from damage by it, so
// that "format" stands in begin.json and manifest.json for ever.
const format = 1

// Reasons not to use a backup. All but ErrNewer wrap chain.ErrInvalid where they
// are found.
const (
	// ErrDamaged: it is cut short, was changed, or is none.
	ErrDamaged chain.Code = "backup_damaged"
	// ErrForeign: it is of another chain or cluster than what it is put beside.
	ErrForeign chain.Code = "backup_foreign"
	// ErrGap: a backup is missing between two others.
	ErrGap chain.Code = "backup_missing"
)

// ErrNewer: it was made by a newer version, and nothing is known to be wrong with it.
var ErrNewer = errors.New("the backup has a newer format than this version knows: use the version that made it, or a newer one")

// Kind is what a backup is of.
type Kind string

const (
	State Kind = "state" // all that a member has
	Chain Kind = "chain" // blocks of one chain
)

// Begin is what is known of a backup when it begins.
type Begin struct {
	Format  int       `json:"format"`
	Kind    Kind      `json:"kind"`
	By      string    `json:"by"`      // the member that gave the state; the URL that blocks came from
	Version string    `json:"version"` // of bpsc that wrote it
	Taken   time.Time `json:"taken"`   // in UTC, by the clock of the writer
	// Needs is what who restores it must know; zero on the first level.
	Needs release.Need `json:"needs,omitzero"`
}

// Contents is what is in a backup, but for the files.
type Contents struct {
	Cluster string       `json:"cluster,omitempty"` // whose state it is, as members know each other; not of Chain
	Applied uint64       `json:"applied,omitempty"` // log index up to which the state holds everything; not of Chain
	Members []string     `json:"members,omitempty"` // in the configuration, as far as the member knew; not of Chain
	Chains  []ChainRange `json:"chains"`
	Before  chain.Hash   `json:"before,omitzero"` // of Chain: digest of the backup of the blocks before From
}

// ChainRange is a part of a chain. Of Kind State it begins with block 1.
type ChainRange struct {
	Token  string       `json:"token"`
	ID     chain.Hash   `json:"chain_id"`
	Number int          `json:"number"` // place in the order in which contracts were created
	From   uint64       `json:"from"`   // first block
	Length uint64       `json:"length"` // last block, as many as the chain had
	Tip    chain.Hash   `json:"tip"`    // hash of the last block
	Time   chain.Micros `json:"time"`   // of the last block
	Root   chain.Hash   `json:"root"`   // of the log of headers of all blocks up to the last
	// Edge is the log's right edge: the roots of its complete subtrees, largest
	// first. The next backup goes on with it. Only of Chain.
	Edge []chain.Hash `json:"edge,omitempty"`
}

// File is a file of an archive.
type File struct {
	Name   string     `json:"name"`
	Size   int64      `json:"size"`
	SHA256 chain.Hash `json:"sha256"`
}

// Manifest is all that a backup says of itself.
type Manifest struct {
	Begin
	Contents
	Files  []File     `json:"files"`
	Digest chain.Hash `json:"digest"` // over all of the above
}

// Size is that of all files.
func (m *Manifest) Size() (size int64) {
	for _, f := range m.Files {
		size += f.Size
	}
	return size
}

// seal computes the digest: that of the text with a digest of zeros.
func (m Manifest) seal() (Manifest, error) {
	m.Digest = chain.Hash{}
	text, err := json.Marshal(m)
	m.Digest = sha256.Sum256(text)
	return m, err
}

// decodeBegin reads begin.json in its one spelling.
func decodeBegin(text []byte) (b Begin, err error) {
	if err := decode(text, &b); err != nil {
		return b, err
	}
	return b, b.check()
}

// decodeManifest reads manifest.json in its one spelling, and checks its digest.
func decodeManifest(text []byte) (m Manifest, err error) {
	if err := decode(text, &m); err != nil {
		return m, err
	}
	sealed, err := m.seal()
	if err == nil && sealed.Digest != m.Digest {
		err = damaged("its digest is %s, and says %s", sealed.Digest, m.Digest)
	}
	if err == nil {
		err = m.check()
	}
	return m, err
}

// decode reads JSON that has exactly one spelling. What has another format is not
// looked at any further.
func decode(text []byte, into any) error {
	var version struct {
		Format int          `json:"format"`
		Needs  release.Need `json:"needs"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return damaged("%w", err)
	}
	if version.Format > format {
		return fmt.Errorf("%w: it has %d, known is %d", ErrNewer, version.Format, format)
	}
	if err := version.Needs.Check(); err != nil {
		return fmt.Errorf("%w: %w", ErrNewer, err)
	}
	strict := json.NewDecoder(bytes.NewReader(text))
	strict.DisallowUnknownFields()
	if err := strict.Decode(into); err != nil {
		return damaged("%w", err)
	}
	again, err := json.Marshal(into)
	if err != nil || !bytes.Equal(again, text) {
		return damaged("a file of it has another spelling than its content")
	}
	return nil
}

func (b *Begin) check() error {
	switch {
	case b.Format != format:
		return damaged("there is no format %d", b.Format)
	case b.Kind != State && b.Kind != Chain:
		return damaged("there is no kind %q", b.Kind)
	case b.Taken.Location() != time.UTC || b.Taken.Year() < 2000:
		return damaged("there was no backup at %s", b.Taken)
	}
	return nil
}

func (m *Manifest) check() error {
	if err := m.Begin.check(); err != nil {
		return err
	}
	switch {
	case len(m.Chains) > maxChains, len(m.Members) > maxMembers, len(m.Files) > maxFiles:
		return damaged("it has %d chains, %d members and %d files", len(m.Chains), len(m.Members), len(m.Files))
	case m.Kind == Chain && (len(m.Chains) != 1 || m.Cluster != "" || m.Applied != 0 || m.Members != nil):
		return damaged("it is of one chain, and says more")
	case m.Kind == State && (m.Cluster == "" || m.Applied == 0 || !m.Before.IsZero()):
		return damaged("it is of a state, and does not say which")
	}
	seen := map[string]bool{}
	for i := range m.Chains {
		c := &m.Chains[i]
		if err := c.check(m.Kind); err != nil {
			return err
		}
		if seen[c.Token] {
			return damaged("it has %s twice", c.Token)
		}
		seen[c.Token] = true
	}
	if m.Kind == Chain && m.Before.IsZero() != (m.Chains[0].From == 1) {
		return damaged("it begins with block %d and follows backup %s", m.Chains[0].From, m.Before)
	}
	for _, f := range m.Files {
		if err := checkFile(m.Kind, f.Name, f.Size); err != nil {
			return err
		}
	}
	return nil
}

func (c *ChainRange) check(kind Kind) error {
	complete := 0 // subtrees of a log of that length
	for n := c.Length; n > 0; n &= n - 1 {
		complete++
	}
	switch {
	case !chain.ValidToken(c.Token):
		return damaged("no contract has the token %q", c.Token)
	case c.From < 1 || c.From > c.Length || kind == State && c.From != 1:
		return damaged("%s: it has blocks %d to %d", c.Token, c.From, c.Length)
	case c.Number < 0 || c.Number >= maxChains:
		return damaged("%s: it is contract %d", c.Token, c.Number)
	case kind == Chain && len(c.Edge) != complete || kind == State && c.Edge != nil:
		return damaged("%s: a log of %d headers has another edge", c.Token, c.Length)
	}
	return nil
}

// checkFile checks that a file may stand in an archive. Names have no folder but
// the first, and nothing that leads out of it.
func checkFile(kind Kind, name string, size int64) error {
	folder, base, deep := strings.Cut(name, "/")
	known := deep && (kind == State && folder == stateFolder || kind == Chain && folder == blocksFolder) ||
		kind == Chain && (name == checkpointFile || name == policyFile)
	if deep {
		known = known && base != "" && strings.Trim(base, ".") != "" && !strings.ContainsFunc(base, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
		})
	}
	if !known || len(name) > maxNameBytes || size < 0 {
		return damaged("it has a file %.80q of %d bytes", name, size)
	}
	return nil
}

// fault is what does not verify: a code that says more than chain.ErrInvalid, and why.
type fault struct {
	code chain.Code
	why  error
}

// Error is the code and the reason.
func (f *fault) Error() string { return string(f.code) + ": " + f.why.Error() }

// Unwrap is the code first, which whoever asks for one is to find.
func (f *fault) Unwrap() []error { return []error{f.code, chain.ErrInvalid, f.why} }

func damaged(format string, args ...any) error { return invalid(ErrDamaged, format, args...) }

func invalid(code chain.Code, format string, args ...any) error {
	return &fault{code, fmt.Errorf(format, args...)}
}
