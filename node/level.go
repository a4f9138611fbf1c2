package node

import "github.com/bpsc/bpsc/internal/release"

// standing is what this member tells the others about its release.
func (m *Member) standing() release.Standing {
	return release.Standing{Version: release.Version, Knows: release.Newest, Active: m.store.Level()}
}
