package backup

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/store"
)

// A state is unpacked to where a member has it, so that whoever verifies a member's
// folder verifies it: dir/state/db-1, named by dir/state/CURRENT. dir/raft marks the
// folder as a member's.
const (
	unpackedState = "state/db-1"
	unpackedName  = "state/CURRENT"
	unpackedRaft  = "raft"
)

// StateFolder is where UnpackState has put the files of the snapshot.
func StateFolder(dir string) string { return filepath.Join(dir, filepath.FromSlash(unpackedState)) }

// UnpackState writes the state in an archive into the empty folder dir, durably. On
// an error dir holds something that must not be used. It cannot write outside of
// dir, whatever the archive says.
func UnpackState(archive io.Reader, dir string) (Manifest, error) {
	for _, folder := range []string{StateFolder(dir), filepath.Join(dir, unpackedRaft)} {
		if err := durable.MkdirAll(folder, 0o700); err != nil {
			return Manifest{}, err
		}
	}
	root, err := os.OpenRoot(StateFolder(dir))
	if err != nil {
		return Manifest{}, err
	}
	defer func() { _ = root.Close() }() // nothing was written through it itself
	m, err := Read(archive, func(b Begin, name string, size int64, content io.Reader) error {
		if b.Kind != State {
			return errKind
		}
		return unpackFile(root, filepath.Base(name), size, content)
	})
	if err == nil && m.Kind != State {
		err = errKind
	}
	if err != nil {
		return m, err
	}
	current := filepath.Join(dir, filepath.FromSlash(unpackedName))
	return m, errors.Join(durable.SyncDir(StateFolder(dir)), durable.WriteFile(current, []byte("db-1\n"), 0o600))
}

var errKind = errors.New("it has blocks of a chain, and no state")

func unpackFile(root *os.Root, name string, size int64, content io.Reader) (err error) {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.CopyN(f, content, size); err != nil {
		return err
	}
	return f.Sync()
}

// VerifyState verifies all of a state that was unpacked to dir: every row's own
// sums, then each chain from its first block to what is stored beside the blocks, as
// audit.Verify does, and that the manifest says what is there. It changes nothing.
// Its errors wrap chain.ErrInvalid where the state does not verify.
func VerifyState(ctx context.Context, dir string, m *Manifest, o audit.Options) (reports []audit.Report, err error) {
	if err := store.Check(ctx, StateFolder(dir)); err != nil {
		return nil, verdict(err)
	}
	found, err := store.Inspect(StateFolder(dir))
	if err != nil {
		return nil, verdict(err)
	}
	if err := compare(m, found); err != nil || len(m.Chains) == 0 {
		return nil, err
	}
	folder, err := audit.OpenFolder(dir, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	chains, err := folder.Chains("")
	if err != nil {
		return nil, err
	}
	for _, c := range chains {
		report, err := audit.Verify(ctx, c, o)
		if err != nil {
			return reports, about(c.Token(), err)
		}
		reports = append(reports, report)
	}
	return reports, nil
}

// verdict is what an error of the store says of a state.
func verdict(err error) error {
	if errors.Is(err, store.ErrDamaged) {
		return audit.Invalid(err)
	}
	return err
}

// compare holds the manifest of a state against what is there.
func compare(m *Manifest, found store.Inspected) error {
	if found.Applied != m.Applied {
		return damaged("the state is of entry %d of the log, the manifest says %d", found.Applied, m.Applied)
	}
	there := rangesOf(found)
	if len(there) != len(m.Chains) {
		return damaged("the state has %d chains, the manifest %d", len(there), len(m.Chains))
	}
	for i, c := range there {
		if said := m.Chains[i]; !said.same(&c) {
			return damaged("%s: the state is at block %d, %s; the manifest says %d, %s", c.Token, c.Length, c.Tip, said.Length, said.Tip)
		}
	}
	return nil
}

// same compares all but edges, which a state has none of.
func (c *ChainRange) same(other *ChainRange) bool {
	a, b := *c, *other
	a.Edge, b.Edge = nil, nil
	return a.Token == b.Token && a.ID == b.ID && a.Number == b.Number && a.From == b.From && a.Length == b.Length &&
		a.Tip == b.Tip && a.Time == b.Time && a.Root == b.Root
}

func about(token string, err error) error {
	if errors.Is(err, chain.ErrInvalid) {
		return &found{token, err}
	}
	return err
}

// found is what does not verify, and in which chain.
type found struct {
	token string
	err   error
}

// Error names the chain.
func (f *found) Error() string { return f.token + ": " + f.err.Error() }

// Unwrap is what was found.
func (f *found) Unwrap() error { return f.err }
