//go:build !unix

package node

import "github.com/bpsc/bpsc/api"

// limits leaves out what this system has no way to ask for.
func limits(*api.ProcessStatus) {}

// openFiles is limit, or where that is 0 what this process may have open.
func openFiles(limit int) (int, error) {
	if limit == 0 {
		limit = maxFiles
	}
	return limit, nil
}
