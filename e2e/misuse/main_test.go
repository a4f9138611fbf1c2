// Package misuse has thousands of strangers misbehave in every way at once against a
// real cluster, and looks at what that costs somebody who has a token.
package misuse

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

// crowdVariable makes this test binary the crowd, which is a process of its own: it is
// nobody's business how busy strangers keep their own machines.
const crowdVariable = "BPSC_MISUSE_CROWD"

func TestMain(m *testing.M) {
	if order := os.Getenv(crowdVariable); order != "" {
		if err := beCrowd(order, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	flag.Parse()
	if testing.Short() {
		fmt.Println("end-to-end tests are skipped with -short")
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bpsc-misuse-")
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
