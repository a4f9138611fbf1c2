// Package operations runs the procedures of docs/operations.md on real processes.
package operations

import (
	"os"
	"testing"
)

// long skips a procedure that takes longer than the common tests may: `make
// operations` runs it.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("BPSC_OPERATIONS") == "" {
		t.Skip("run it with: make operations")
	}
}
