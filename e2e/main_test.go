// Package e2e tests the product from outside: real processes, real files, real
// sockets. After every test the whole chain of every member is checked again
// by a verifier that shares no code with the product (e2e/verify).
package e2e

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// What TestMain built: bpsc, and e2e/receipt.
var binary, receiptVerifier string

func TestMain(m *testing.M) {
	harness.Main(m, func(ctx context.Context, dir string) (err error) {
		if binary, err = harness.Build(ctx, dir); err == nil {
			receiptVerifier, err = harness.BuildCommand(ctx, dir, "e2e/receipt")
		}
		return err
	})
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

// rounds is how often a test of chance repeats what it does: a few times, as scripts/faults.sh
// and the simulation do the same far more often, or BPSC_ROUNDS.
func rounds(t *testing.T, few int) int {
	t.Helper()
	given := os.Getenv("BPSC_ROUNDS")
	if given == "" {
		return few
	}
	n, err := strconv.Atoi(given)
	if err != nil || n < 1 {
		t.Fatalf("BPSC_ROUNDS: %q", given)
	}
	return n
}
