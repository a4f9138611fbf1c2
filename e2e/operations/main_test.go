// Package operations runs the procedures of docs/operations.md on real processes. The
// chain of every member is checked by a verifier that shares no code with the product
// (e2e/verify).
package operations

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// binary is what TestMain built.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("procedures on real processes are skipped with -short")
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bpsc-operations-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		binary, err = harness.Build(context.Background(), dir)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return m.Run()
}

// long skips a procedure that takes longer than the common tests may: `make
// operations` runs it.
func long(t *testing.T) {
	t.Helper()
	if os.Getenv("BPSC_OPERATIONS") == "" {
		t.Skip("run it with: make operations")
	}
}
