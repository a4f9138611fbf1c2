package cluster

import (
	"context"
	"errors"
	"time"

	"github.com/hashicorp/raft"
)

// noteDamaged notes that a snapshot of this member's turned out damaged as another one was to
// get it.
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
		err := await(ctx, m.raft.Snapshot())
		switch {
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
