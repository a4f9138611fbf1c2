package node

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/internal/durable"
)

// neighboursFile has the URLs of the others, for a rebuild of this member when nothing else
// in its folder can be read any more. It is a hint: what comes from there is verified, and
// without it an operator names them.
const neighboursFile = "neighbours.json"

// maxNeighbours bounds what is believed of the file: more members nobody has.
const maxNeighbours = 64

// noteNeighbours keeps the file up to date until ctx ends.
func (m *Member) noteNeighbours(ctx context.Context) {
	noted := neighbours(m.cfg.Data)
	for {
		_, more := m.store.Policies() // there is another one whenever the members change
		var now []string
		for who, other := range m.store.Members() {
			if other.Since > 0 && !other.Removed && other.URL != "" && who != m.identity() {
				now = append(now, other.URL)
			}
		}
		slices.Sort(now)
		if len(now) > 0 && !slices.Equal(now, noted) {
			text, err := json.Marshal(now)
			if err == nil {
				err = durable.WriteFile(m.path(neighboursFile), append(text, '\n'), 0o600)
			}
			if err != nil {
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

// neighbours reads the file; nothing where it is not there or says nothing.
func neighbours(data string) (urls []string) {
	text, err := os.ReadFile(filepath.Join(data, neighboursFile))
	if err != nil || json.Unmarshal(text, &urls) != nil || len(urls) > maxNeighbours {
		return nil
	}
	return slices.DeleteFunc(urls, func(url string) bool { return shownURL(url) != url })
}
