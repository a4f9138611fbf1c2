package attest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
)

// ErrWouldContradict: to sign this would contradict what this member has
// signed before.
var ErrWouldContradict = errors.New("this member has signed another history")

// ErrForgot: others have seen a signature of this member that its journal does
// not have, or the journal cannot be read. It must not sign again, for it may contradict what it has forgotten.
var ErrForgot = errors.New("this member has forgotten what it has signed")

// signed is what a member signed last of one chain. It is on disk before the
// signature leaves the member, so that no crash and no restored backup makes it
// sign two roots for one size.
type signed struct {
	ChainID   chain.Hash   `json:"chain_id"`
	Size      uint64       `json:"size"`
	Root      chain.Hash   `json:"root"`
	Tip       chain.Hash   `json:"tip"`       // hash of block Size
	Timestamp chain.Micros `json:"timestamp"` // of block Size, unix microseconds
}

// journal is what stands in the journal of one chain: in its own file, or, if that is
// newer, in a group.
type journal struct {
	token   string
	path    string  // of its own file
	groups  *groups // that it shares with all chains
	last    signed  // Size 0: nothing yet
	durable bool    // this process has written last; what it found might not be on the disk yet
}

const journalSuffix = ".json"

func journalPath(dir, token string) string { return filepath.Join(dir, token+journalSuffix) }

// journaled lists the chains of which something has been signed.
func journaled(dir string) (tokens []string, err error) {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if token, is := strings.CutSuffix(e.Name(), journalSuffix); is {
			tokens = append(tokens, token)
		}
	}
	return tokens, err
}

func openJournal(g *groups, token string) (*journal, error) {
	j := &journal{token: token, path: journalPath(g.parent, token), groups: g}
	switch err := durable.ReadSealed(j.path, &j.last); {
	case errors.Is(err, fs.ErrNotExist):
	case err == nil && j.last.Size == 0:
		return nil, unreadable(j.path, errNothing)
	case err != nil:
		return nil, unreadable(j.path, err)
	}
	switch grouped, err := g.newest(token); {
	case err != nil:
		return nil, err
	case grouped.Size > j.last.Size:
		j.last, j.durable = grouped, true
	}
	return j, nil
}

// errNothing: a file of the journal is one, and has nothing in it.
var errNothing = errors.New("it says nothing")

// unreadable says that the journal, or a part of it, is not as it was written: ErrForgot, as
// where it is not there. Where the operating system does not let us look, nothing is known to be
// wrong with it.
func unreadable(path string, err error) error {
	if _, system := durable.Advice(err); !system {
		err = fmt.Errorf("%w: %w", ErrForgot, err)
	}
	return fmt.Errorf("what this member has signed cannot be read, and without it it signs nothing: %s: %w", path, err)
}

// covers makes sure that the journal has all that the log has of this member's
// attestations: each was in the journal first.
func (j *journal) covers(token, member string, attestations []chain.Attestation) error {
	for _, a := range attestations {
		if a.Member == member && a.Size > j.last.Size {
			return fmt.Errorf("%w: the log has its attestation of %d blocks of %s, root %s, and %s ends with %d",
				ErrForgot, a.Size, token, a.Root, j.path, j.last.Size)
		}
	}
	return nil
}

// write remembers what is about to be signed, together with what other chains are about
// to sign at this moment. It refuses what contradicts the journal. After a failure nothing may
// be signed until the journal has been opened again: it may hold what was to be written, or what
// it held before.
func (j *journal) write(s signed) error {
	switch last := j.last; {
	case last.Size == 0:
	case s.ChainID != last.ChainID:
		return fmt.Errorf("%w: of chain %s, and this is chain %s", ErrWouldContradict, last.ChainID, s.ChainID)
	case s.Size < last.Size, s.Size == last.Size && s.Root != last.Root:
		return fmt.Errorf("%w: root %s of %d blocks, and this is root %s of %d", ErrWouldContradict, last.Root, last.Size, s.Root, s.Size)
	case s == last && j.durable:
		return nil
	}
	if err := j.groups.write(j.token, s); err != nil {
		return err
	}
	j.last, j.durable = s, true
	return nil
}
