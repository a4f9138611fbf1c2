//go:build !unix

package node

// openFiles is limit, or where that is 0 what this process may have open.
func openFiles(limit int) (int, error) {
	if limit == 0 {
		limit = maxFiles
	}
	return limit, nil
}
