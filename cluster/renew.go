package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/groupcommit"
	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/durable"
)

// noteDamaged notes that a snapshot of this member's turned out damaged as another one was to
// get it, or got it.
func (m *Member) noteDamaged() {
	select {
	case m.damaged <- struct{}{}:
	default: // it is known
	}
}

// renewSnapshots takes another snapshot in the place of one that turned out damaged, until ctx
// ends. raft would try to send that one again and again until the next is due, maybe for hours, and
// whoever needs it would wait.
func (m *Member) renewSnapshots(ctx context.Context) {
	for {
		select {
		case <-m.damaged:
		case <-ctx.Done():
			return
		}
		switch err := m.renewSnapshot(ctx); {
		case err == nil:
			m.log.Warn("a snapshot that another member was to get is damaged, and another one has been taken")
		case ctx.Err() == nil && !errors.Is(err, raft.ErrNothingNewToSnapshot): // with the next entry there will be
			m.log.Error("a snapshot that another member was to get is damaged, and no other one can be taken", "error", err)
		}
		select {
		case <-time.After(renewPause):
		case <-ctx.Done():
			return
		}
	}
}

// renewSnapshot takes a snapshot, and looks whether that one is whole. Where it is not, the state
// is damaged that it is of.
func (m *Member) renewSnapshot(ctx context.Context) error {
	if err := groupcommit.Await(ctx, m.raft.Snapshot()); err != nil {
		return err
	}
	newest, _ := m.store.snapshots.Newest()
	_, opened, err := m.store.snapshots.Open(newest.ID)
	if err != nil {
		return err
	}
	taken := opened.(*snapshot.Reader) // which nobody removes meanwhile
	err = errors.Join(m.replica.Machine().Check(ctx, taken.State, taken.Index, taken.Reach), taken.Close())
	if _, system := durable.Advice(err); err != nil && !system && ctx.Err() == nil {
		m.fatal(fmt.Errorf("cluster: the state of which a snapshot was taken: %w", err))
	}
	return err
}
