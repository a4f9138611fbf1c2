package folder

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/keepsake"
	"github.com/bpsc/bpsc/internal/nodelist"
)

// Directory is the set of nodes that were registered with a follower, in a
// file of its own. It is a list to read: nobody sends anything to an address
// that a stranger wrote there.
type Directory struct {
	path string
	kept *keepsake.List

	mu    sync.Mutex
	nodes nodelist.List // host:port
}

// NodesFile has the directory.
const NodesFile = "nodes.json"

// ErrDirectory: the file is not as it was written.
var ErrDirectory = errors.New("the list of registered nodes is damaged")

// OpenDirectory reads a directory; there is none in a file that is not there. What it has is put
// on the list of what the folder keeps. Errors wrap ErrDirectory where it is damaged.
func OpenDirectory(path string, kept *keepsake.List) (*Directory, error) {
	d := &Directory{path: path, kept: kept}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	if text, err = unsealList(text); err == nil {
		err = json.Unmarshal(text, &d.nodes)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrDirectory, path, err)
	}
	return d, kept.Add(path)
}

// Nodes lists nodes that come after one, sorted, and says how many there are.
func (d *Directory) Nodes(after string, limit int) (page []string, count int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.nodes.Page(after, limit), d.nodes.Len()
}

// Register adds nodes for the network that asks.
func (d *Directory) Register(nodes []string, from string) error {
	return d.change(func(l *nodelist.List) (changed bool) {
		for _, n := range nodes {
			changed = l.Add(n, from) || changed
		}
		return changed
	})
}

// Remove takes a node off the list.
func (d *Directory) Remove(node string) error {
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
func (d *Directory) change(do func(l *nodelist.List) (changed bool)) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	next := d.nodes.Clone()
	if !do(&next) {
		return nil
	}
	text, err := json.Marshal(next)
	if err == nil {
		err = durable.WriteFile(d.path, sealList(text), 0o600)
	}
	if err == nil {
		err = d.kept.Add(d.path)
	}
	if err == nil {
		d.nodes = next
	}
	return err
}

// listSeal begins the last element of a list on the disk, which has the checksum of what is
// before it. Releases that know nothing of it take it for nodes of a network that has none.
const listSeal = `{"crc32c":"`

// sealList adds the checksum to a list in JSON.
func sealList(list []byte) []byte {
	list = bytes.TrimSuffix(bytes.TrimPrefix(list, []byte("[")), []byte("]"))
	if bytes.Equal(list, []byte("null")) {
		list = nil
	}
	sealed := append([]byte{'['}, list...)
	if len(list) > 0 {
		sealed = append(sealed, ',')
	}
	return fmt.Appendf(sealed, "%s%08x\"}]\n", listSeal, crc32.Checksum(list, crc32.MakeTable(crc32.Castagnoli)))
}

// unsealList refuses a list that has another checksum than it says. One without is of a
// release before.
func unsealList(text []byte) ([]byte, error) {
	at := bytes.LastIndex(text, []byte(listSeal))
	if at < 0 {
		return text, nil
	}
	list := bytes.TrimSuffix(bytes.TrimPrefix(text[:at], []byte("[")), []byte(","))
	if !bytes.Equal(sealList(append(append([]byte{'['}, list...), ']')), text) {
		return nil, durable.ErrSeal
	}
	return text, nil
}
