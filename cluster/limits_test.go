package cluster

import (
	"testing"

	"github.com/bpsc/bpsc/cluster/groupcommit"
)

// The bounds fit together.
func TestLimits(t *testing.T) {
	for name, ok := range map[string]bool{
		"handing an entry to raft never blocks":            groupcommit.MaxInFlight+1 < maxAppendEntries,
		"raft's applyCh holds all frames' entries":         groupcommit.MaxInFlight <= maxAppendEntries,
		"the cache holds what is being replicated":         logCacheEntries >= 2*maxAppendEntries,
		"conflicts are mended by log (hashicorp/raft#697)": DefaultConfig().TrailingLogs >= 10_000,
	} {
		if !ok {
			t.Error(name)
		}
	}
}
