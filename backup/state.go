package backup

import (
	"cmp"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/store"
)

// Snapshotter writes the state of a member, as it is at the time of the call or
// later, into a new folder, whose parent exists.
type Snapshotter interface {
	Snapshot(ctx context.Context, dir string) error
}

// Source is the member whose state is to be backed up.
type Source struct {
	State   Snapshotter
	Dir     string // for the snapshot: on the same file system as the state, used for nothing else
	Member  string // that gives the state
	Version string
	Cluster string   // whose state it is
	Members []string // in the configuration
}

// WriteState writes the state of a running member as an archive. The snapshot is
// hard links to files that do not change: it costs no copy, and the member goes on
// meanwhile. It is removed at the end, whatever that is; one that a crash has left
// is removed before.
func WriteState(ctx context.Context, out io.Writer, s Source, b Begin) (m Manifest, err error) {
	if err := durable.RemoveAll(s.Dir); err != nil {
		return m, err
	}
	if err := durable.MkdirAll(s.Dir, 0o700); err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, durable.RemoveAll(s.Dir)) }()
	dir := filepath.Join(s.Dir, stateFolder)
	if err := s.State.Snapshot(ctx, dir); err != nil {
		return m, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return m, err
	}
	found, err := store.Inspect(dir)
	if err != nil {
		return m, err
	}
	b.Kind, b.By, b.Version, b.Needs = State, s.Member, s.Version, found.Needs
	w, err := NewWriter(out, b)
	if err != nil {
		return m, err
	}
	for _, f := range files {
		if err := cmp.Or(ctx.Err(), addFile(w, dir, f.Name())); err != nil {
			return m, err
		}
	}
	return w.Finish(Contents{Cluster: s.Cluster, Applied: found.Applied, Members: s.Members, Chains: rangesOf(found)})
}

func addFile(w *Writer, dir, name string) error {
	content, err := os.Open(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer content.Close()
	info, err := content.Stat()
	if err != nil {
		return err
	}
	return w.File(stateFolder+"/"+name, info.Size(), content)
}

// rangesOf says of each chain in a state how far it goes.
func rangesOf(found store.Inspected) (chains []ChainRange) {
	for i, c := range found.Chains {
		chains = append(chains, ChainRange{
			Token: c.Contract.Token, ID: c.ID, Number: i, From: 1, Length: c.Length,
			Tip: c.Tip, Time: c.TipTimestamp, Root: c.Root,
		})
	}
	return chains
}
