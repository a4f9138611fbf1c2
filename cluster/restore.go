package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/memory"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/votefile"
)

// Restored is one member of a new cluster that goes on from a state.
type Restored struct {
	Dir   string        // to be made: the data directory of the raft side
	ID    string        // of the member; one of Peers
	Peers []roster.Peer // of the new cluster, the same for each member
	// Origin says from what the cluster is made, the same for each member. Members
	// that were made from something else belong to another cluster.
	Origin string
	Index  uint64 // of the last entry that the state holds
	// State is a directory with what StateMachine.Snapshot writes, which is moved.
	State string
	// By, Reason, Time and Before are what the members say of it in the log.
	By, Reason string
	Time       int64
	Before     []string
}

// Validate says what is wrong with the members of the new cluster, as they would at their
// start.
func (r *Restored) Validate() error {
	if err := identity.Valid(r.ID); err != nil {
		return fmt.Errorf("cluster: %w", err)
	}
	return Config{ID: r.ID, Peers: r.Peers}.validatePeers()
}

// firstTerm is that of the snapshot, and the current one: elections come after it.
const firstTerm = 1

// Restore makes the directory of a member as if it had just taken a snapshot and
// dropped its log: the state machine is restored from it at the first start. The
// members are all new, whatever their ids, for each instance follows from what the
// cluster is made from: none of them is one of the cluster that the state was of.
// What Restore leaves on an error must not be used.
func Restore(r Restored) error {
	cluster := r.cluster()
	members := r.configuration(cluster)
	own := datadir.Identity{Member: r.ID, Cluster: cluster, Joined: true, Instance: instanceOf(cluster, r.ID)}
	if err := durable.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	snapshots, err := snapshot.Open(filepath.Join(r.Dir, datadir.SnapshotsDir))
	if err != nil {
		return err
	}
	if err := r.snapshot(snapshots, members); err != nil {
		return err
	}
	votes, err := votefile.Open(filepath.Join(r.Dir, datadir.VoteFile))
	if err == nil {
		err = votes.SetUint64([]byte("CurrentTerm"), firstTerm)
	}
	if err != nil {
		return err
	}
	log, err := raftlog.Open(datadir.Bolt, filepath.Join(r.Dir, datadir.LogFile), r.Index)
	if err != nil {
		return err
	}
	said := datadir.Recovery{By: r.By, Reason: r.Reason, Time: r.Time, Before: r.Before, Index: r.Index}
	for _, s := range members.Servers {
		said.After = append(said.After, string(s.ID))
	}
	return errors.Join(
		log.Close(),
		memory.Create(r.Dir, firstTerm, r.Index),
		datadir.WriteRecovery(r.Dir, said),
		datadir.WriteIdentity(r.Dir, own),
	)
}

// snapshot moves the state to where a snapshot has it.
func (r *Restored) snapshot(to *snapshot.Store, members raft.Configuration) error {
	created, err := to.Create(raft.SnapshotVersionMax, r.Index, firstTerm, members, r.Index, nil)
	if err != nil {
		return err
	}
	sink := created.(*snapshot.Sink)
	sink.SetReach(r.Index)
	if err := durable.Rename(r.State, sink.Dir()); err != nil {
		return errors.Join(err, sink.Cancel())
	}
	return sink.Close()
}

// cluster tells the new cluster from others: it is a hash of what it is made from, and
// of its members.
func (r *Restored) cluster() string {
	h := sha256.Sum256(fmt.Appendf(nil, "bpsc restored\n%q\n%s\n", r.Origin, roster.ClusterID(r.Peers)))
	return hex.EncodeToString(h[:])
}

// instanceOf is that of a member of a restored cluster. It is not drawn, since each
// member is made by itself and has to know those of the others.
func instanceOf(cluster, id string) string {
	h := sha256.Sum256(fmt.Appendf(nil, "bpsc instance\n%s\n%q\n", cluster, id))
	return hex.EncodeToString(h[:16])
}

// configuration is the members of the new cluster, all of which vote.
func (r *Restored) configuration(cluster string) (c raft.Configuration) {
	for _, p := range roster.Sorted(r.Peers) {
		instance := instanceOf(cluster, p.ID)
		c.Servers = append(c.Servers, raft.Server{
			Suffrage: raft.Voter,
			ID:       raft.ServerID(identity.New(p.ID, instance)),
			Address:  roster.Address{HostPort: p.Addr, Instance: instance}.Encode(),
		})
	}
	return c
}

// Recovery is what this member's directory says that somebody has done, and the log
// may not say yet.
func (m *Member) Recovery() (datadir.Recovery, bool, error) { return datadir.ReadRecovery(m.cfg.Dir) }

// ForgetRecovery notes that the log says it.
func (m *Member) ForgetRecovery() error { return datadir.ForgetRecovery(m.cfg.Dir) }

// Cluster tells this member's cluster from others.
func (m *Member) Cluster() string { return m.store.dir.Identity().Cluster }
