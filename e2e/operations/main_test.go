// Package operations runs the procedures of docs/operations.md on real processes. The
// chain of every member is checked by a verifier that shares no code with the product
// (e2e/verify).
package operations

import (
	"context"
	"os"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// binary is what TestMain built.
var binary string

func TestMain(m *testing.M) {
	harness.Main(m, func(ctx context.Context, dir string) (err error) {
		binary, err = harness.Build(ctx, dir)
		return err
	})
}

// long skips a procedure that takes longer than the common tests may: `make
// operations` runs it.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("BPSC_OPERATIONS") == "" {
		t.Skip("run it with: make operations")
	}
}
