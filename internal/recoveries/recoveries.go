// Package recoveries remembers which recoveries of clusters whoever runs a node
// has accepted, so that it is told once.
package recoveries

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/bpsc/bpsc/internal/durable"
)

// Max is how many a node accepts in its life: there should be none.
const Max = 100

// Remember adds accepted recoveries, the hashes of their handovers, to those in a
// file, and returns all of them.
func Remember[Hash comparable](path string, accepted []Hash) ([]Hash, error) {
	var known []Hash
	if err := durable.ReadSealed(path, &known); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	all := slices.Clone(known)
	for _, hash := range accepted {
		if !slices.Contains(all, hash) {
			all = append(all, hash)
		}
	}
	if len(all) > Max {
		return nil, fmt.Errorf("%s would hold more than %d accepted recoveries", path, Max)
	}
	if len(all) == len(known) {
		return all, nil
	}
	return all, durable.WriteSealed(path, all)
}
