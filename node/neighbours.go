package node

import (
	"context"
	"slices"

	"github.com/bpsc/bpsc/node/folder"
)

// noteNeighbours keeps the file up to date until ctx ends.
func (m *Member) noteNeighbours(ctx context.Context) {
	noted := folder.NotedNeighbours(m.cfg.Data)
	for {
		_, more := m.store.Policies() // there is another one whenever the members change
		now := folder.Others(m.store.Members(), m.cfg.ID)
		m.met.Store(&now)
		if len(now) > 0 && !slices.Equal(now, noted) {
			if err := folder.WriteNeighbours(m.cfg.Data, now); err != nil {
				m.log.Warn("where the others are could not be noted", "error", err)
			} else {
				noted = now
			}
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// neighbours are the URLs of the others as far as this member knows. It takes no lock: who asks
// has found damage, wherever that was.
func (m *Member) neighbours() []string {
	switch met := m.met.Load(); {
	case met == nil: // the state is not open
		return folder.Neighbours(m.cfg.Data, m.cfg.ID)
	case len(*met) > 0:
		return *met
	}
	return folder.NotedNeighbours(m.cfg.Data)
}
