package memory

import (
	"errors"
	"path/filepath"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/internal/durable"
)

// Create makes the files of a member that has not started yet and has entries up to
// commit, in a term.
func Create(dir string, term, commit uint64) error {
	return errors.Join(
		durable.WriteSealed(filepath.Join(dir, datadir.StartsFile), starts{Format: startsFormat}),
		durable.WriteSealed(filepath.Join(dir, datadir.MemoryFile),
			content{Format: memoryFormat, Term: term, Commit: commit, Peers: map[string]Known{}}),
	)
}
