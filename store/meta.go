package store

import (
	"encoding/json"
	"fmt"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/nodelist"
)

// format is the version of everything this package writes.
const format = 4

// meta is what belongs to the machine as a whole. It is one row, written with
// every flush, so that it is true of exactly the rows it was written with.
type meta struct {
	Format  int
	Applied uint64       // log index of the last entry in here
	Time    chain.Micros // the machine's clock
	Nodes   nodelist.List
	Members map[string]Member // by id
}

// Member is what a member of the cluster has made known of itself.
type Member struct {
	URL string // of its API
	Key string // the verifier key of its checkpoints; never changes
}

var metaKey = string(append([]byte{metaTable}, "meta"...))

func newMeta() meta {
	return meta{Format: format, Members: map[string]Member{}}
}

func (m *meta) encode() ([]byte, error) { return json.Marshal(m) }

func decodeMeta(row []byte) (meta, error) {
	m := newMeta()
	if err := json.Unmarshal(row, &m); err != nil {
		return m, fmt.Errorf("%w: meta: %w", errCorrupt, err)
	}
	if m.Format != format {
		return m, fmt.Errorf("written in format %d, this binary reads %d: use the binary that wrote it, or a newer one", m.Format, format)
	}
	return m, nil
}
