package harness

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"
)

// Main runs the tests of a package that are about real processes, once build has made the
// binaries in a folder that is there as long as the tests run. With -short there are none.
func Main(m *testing.M, build func(ctx context.Context, dir string) error) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("tests on real processes are skipped with -short")
		return
	}
	os.Exit(run(m, build))
}

func run(m *testing.M, build func(ctx context.Context, dir string) error) int {
	dir, err := os.MkdirTemp("", "bpsc-")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()
		err = build(context.Background(), dir)
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return m.Run()
}
