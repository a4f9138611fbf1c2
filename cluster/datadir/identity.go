package datadir

import (
	"fmt"
	"path/filepath"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
)

const (
	identityFile = "identity.json"

	identityFormat = 4
	// formatWithStore is that of a directory whose log is not in raft.db: a release that
	// knows nothing of other stores must not take it for one.
	formatWithStore = 5
	// formatWithoutInstance had a fixed list of members, whose hash was Cluster.
	formatWithoutInstance = 3
)

// Identity is the content of identity.json: whose directory it is. It is written
// before anything else, and again when the first start is complete: then, and only
// then, all other files must be there.
type Identity struct {
	Format   int    `json:"format"`
	Member   string `json:"member"`   // id
	Instance string `json:"instance"` // drawn when the directory was made
	// Cluster tells clusters apart: the hash of the founders. It is empty where the
	// member waits to be added to one.
	Cluster string `json:"cluster"`
	Joined  bool   `json:"joined"` // it was added later, and is no founder
	Ready   bool   `json:"ready"`
	// Log is the store that has the log; Bolt when empty.
	Log LogStore `json:"log,omitempty"`
}

// Name is the member's name in its cluster.
func (i Identity) Name() identity.Identity {
	if i.Joined {
		return identity.New(i.Member, i.Instance)
	}
	return identity.New(i.Member, "")
}

// Identity is whose directory it is.
func (d *Dir) Identity() Identity {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.own
}

// Found makes the member a founder of a cluster, on its first start.
func (d *Dir) Found(cluster string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own.Cluster, d.own.Joined = cluster, false
}

// Await makes the member one that waits to be added to a cluster, on its first start.
func (d *Dir) Await() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own.Cluster, d.own.Joined = "", true
}

// Complete marks the first start as complete.
func (d *Dir) Complete() error { return d.setIdentity(func(own *Identity) { own.Ready = true }) }

// Join notes, durably, which cluster has added the member. One that has a cluster
// keeps it.
func (d *Dir) Join(cluster string) error {
	if own := d.Identity(); own.Cluster == cluster {
		return nil
	} else if own.Cluster != "" {
		return fmt.Errorf("cluster: %w: %s belongs to another cluster", ErrMismatch, d.path)
	}
	return d.setIdentity(func(own *Identity) { own.Cluster = cluster })
}

// setIdentity changes the identity, durably.
func (d *Dir) setIdentity(change func(*Identity)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.own
	change(&next)
	next.Format = identityFormat
	if next.LogStore() == Bolt {
		next.Log = ""
	} else {
		next.Format = formatWithStore
	}
	if err := durable.WriteSealed(d.Path(identityFile), next); err != nil {
		return err
	}
	d.own = next
	return nil
}

// readIdentity reads the identity, if there is one, and makes sure that it is the
// member's. One without an instance gets it.
func (d *Dir) readIdentity(member string) (found bool, err error) {
	if found, err = Read(d.Path(identityFile), &d.own); err != nil || !found {
		return found, err
	}
	switch own := d.own; {
	case own.Format < formatWithoutInstance || own.Format > formatWithStore || (own.Format == formatWithStore) != (own.Log == WAL):
		return true, fmt.Errorf("cluster: %s has format %d, this binary knows %d: use the binary that wrote it, or a newer one",
			d.path, own.Format, formatWithStore)
	case own.Member != member:
		return true, fmt.Errorf("cluster: %w: %s belongs to member %q, this one is %q: correct the member's id or its data directory",
			ErrMismatch, d.path, own.Member, member)
	case own.Format == formatWithoutInstance:
		return true, d.setIdentity(func(own *Identity) { own.Instance = identity.NewInstance() })
	}
	return true, nil
}

// ReadIdentity is whose directory it is, without taking it; false where there is none.
func ReadIdentity(path string) (own Identity, found bool, err error) {
	d := Dir{path: path}
	found, err = Read(d.Path(identityFile), &own)
	return own, found, err
}

// WriteIdentity says whose directory it is, of one that was made whole before its
// first start.
func WriteIdentity(path string, own Identity) error {
	own.Format, own.Ready = identityFormat, true
	return durable.WriteSealed(filepath.Join(path, identityFile), own)
}
