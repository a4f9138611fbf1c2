package node

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/store"
)

// neighboursFile has the URLs of the others, for a rebuild of this member when nothing else
// in its folder can be read any more. It is a hint: what comes from there is verified. Without
// it the state says the same, or that of a snapshot.
const neighboursFile = "neighbours.json"

// maxNeighbours bounds what is believed of the file: more members nobody has.
const maxNeighbours = 64

// noteNeighbours keeps the file up to date until ctx ends.
func (m *Member) noteNeighbours(ctx context.Context) {
	noted := notedNeighbours(m.cfg.Data)
	for {
		_, more := m.store.Policies() // there is another one whenever the members change
		now := others(m.store.Members(), m.cfg.ID)
		m.met.Store(&now)
		if len(now) > 0 && !slices.Equal(now, noted) {
			if err := durable.WriteSealed(m.path(neighboursFile), now); err != nil {
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

// others are the URLs of the members of a cluster but that of one id, whichever instance.
func others(members map[string]store.Member, id string) (urls []string) {
	for who, other := range members {
		if other.Since > 0 && !other.Removed && other.URL != "" && identity.Identity(who).ID() != id {
			urls = append(urls, other.URL)
		}
	}
	slices.Sort(urls)
	return urls
}

// neighbours are the URLs of the others as far as the folder of a member tells that no process
// has open; nothing where it does not.
func neighbours(data, id string) []string {
	if noted := notedNeighbours(data); len(noted) > 0 {
		return noted
	}
	snapshots, _ := filepath.Glob(filepath.Join(data, "raft", "snapshots", "*", "state"))
	for _, dir := range append([]string{filepath.Join(data, "state")}, snapshots...) {
		members, err := store.MembersIn(dir)
		if err != nil {
			continue // what cannot be read is for others to say
		}
		if urls := others(members, id); len(urls) > 0 {
			return urls
		}
	}
	return nil
}

// notedNeighbours reads the file; nothing where it is not there or says nothing.
func notedNeighbours(data string) (urls []string) {
	if durable.ReadSealed(filepath.Join(data, neighboursFile), &urls) != nil || len(urls) > maxNeighbours {
		return nil
	}
	return slices.DeleteFunc(urls, func(url string) bool { return shownURL(url) != url })
}

// neighbours are the URLs of the others as far as this member knows. It takes no lock: who asks
// has found damage, wherever that was.
func (m *Member) neighbours() []string {
	switch met := m.met.Load(); {
	case met == nil: // the state is not open
		return neighbours(m.cfg.Data, m.cfg.ID)
	case len(*met) > 0:
		return *met
	}
	return notedNeighbours(m.cfg.Data)
}
