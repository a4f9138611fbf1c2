// Package e2e tests the product from outside: real processes, real files, real
// sockets. After every test the whole chain of every member is checked again
// by a verifier that shares no code with the product (e2e/verify).
package e2e

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// What TestMain built: bpsc, and e2e/receipt.
var binary, receiptVerifier string

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("end-to-end tests are skipped with -short")
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bpsc-e2e-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if binary, err = harness.Build(context.Background(), dir); err != nil {
		fmt.Println(err)
		return 1
	}
	if receiptVerifier, err = harness.BuildCommand(context.Background(), dir, "e2e/receipt"); err != nil {
		fmt.Println(err)
		return 1
	}
	return m.Run()
}

// seed is random, or BPSC_SEED; the test's log says which, so that a failure
// can be run again.
func seed(t *testing.T) uint64 {
	t.Helper()
	s := rand.Uint64N(1_000_000)
	if given := os.Getenv("BPSC_SEED"); given != "" {
		var err error
		if s, err = strconv.ParseUint(given, 10, 64); err != nil {
			t.Fatalf("BPSC_SEED: %v", err)
		}
	}
	t.Logf("seed %d; BPSC_SEED=%d runs the same again", s, s)
	return s
}
