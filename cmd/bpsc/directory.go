package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"

	"github.com/google/renameio/v2"

	"github.com/bpsc/bpsc/chain"
)

// maxNodes bounds a follower's directory: as many as a member's ledger keeps.
const maxNodes = 1_000

// directory is the set of nodes that were registered with a follower, in a
// file of its own. It is a list to read: nobody sends anything to an address
// that a stranger wrote there.
type directory struct {
	path string

	mu    sync.Mutex
	nodes map[string]bool // host:port
}

func openDirectory(path string) (*directory, error) {
	d := &directory{path: path, nodes: map[string]bool{}}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	var nodes []string
	if err == nil {
		err = json.Unmarshal(text, &nodes)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w; move it away to begin with an empty directory", path, err)
	}
	for _, n := range nodes {
		d.nodes[n] = true
	}
	return d, nil
}

// Nodes lists all nodes, sorted.
func (d *directory) Nodes() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.nodes))
}

// Register adds nodes, all of them or none, and returns all there are then.
func (d *directory) Register(_ context.Context, nodes []string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	grown := maps.Clone(d.nodes)
	for _, n := range nodes {
		grown[n] = true
	}
	all := slices.Sorted(maps.Keys(grown))
	switch {
	case len(grown) == len(d.nodes):
		return all, nil
	case len(grown) > maxNodes:
		return nil, fmt.Errorf("%w: at most %d", chain.NodesFull, maxNodes)
	}
	text, err := json.Marshal(all)
	if err == nil {
		err = renameio.WriteFile(d.path, append(text, '\n'), 0o600)
	}
	if err != nil {
		return nil, err
	}
	d.nodes = grown
	return all, nil
}
