package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/nodelist"
)

// directory is the set of nodes that were registered with a follower, in a
// file of its own. It is a list to read: nobody sends anything to an address
// that a stranger wrote there.
type directory struct {
	path string

	mu    sync.Mutex
	nodes nodelist.List // host:port
}

// nodesFile has the directory.
const nodesFile = "nodes.json"

// errDirectory: the file is not as it was written.
var errDirectory = errors.New("the list of registered nodes is damaged")

func openDirectory(path string) (*directory, error) {
	d := &directory{path: path}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &d.nodes); err != nil {
		return nil, fmt.Errorf("%w: %s: %w", errDirectory, path, err)
	}
	return d, nil
}

// Nodes lists nodes that come after one, sorted, and says how many there are.
func (d *directory) Nodes(after string, limit int) (page []string, count int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodes.Page(after, limit), d.nodes.Len()
}

// Register adds nodes for the network that asks.
func (d *directory) Register(nodes []string, from string) error {
	return d.change(func(l *nodelist.List) (changed bool) {
		for _, n := range nodes {
			changed = l.Add(n, from) || changed
		}
		return changed
	})
}

// Remove takes a node off the list.
func (d *directory) Remove(node string) error {
	found := false
	err := d.change(func(l *nodelist.List) bool {
		found = l.Remove(node)
		return found
	})
	if err == nil && !found {
		err = fmt.Errorf("%w: %s is not registered", chain.NotFound, node)
	}
	return err
}

// change makes a change that is on disk before anybody sees it.
func (d *directory) change(do func(l *nodelist.List) (changed bool)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.nodes.Clone()
	if !do(&next) {
		return nil
	}
	text, err := json.Marshal(next)
	if err == nil {
		err = durable.WriteFile(d.path, append(text, '\n'), 0o600)
	}
	if err == nil {
		d.nodes = next
	}
	return err
}
