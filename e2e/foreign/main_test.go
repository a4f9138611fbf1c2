// Package foreign has software that others have written for C2SP read what a real cluster
// serves: torchwood, its litewitness, and transparency-dev's formats. It is a module of its
// own, because torchwood asks for a newer Go than bpsc does, and it shares no code with bpsc.
//
//	GOTOOLCHAIN=go1.27.3 go test ./...
//
// BPSC_BINARY is the bpsc to run; without it one is built, by this Go. `go mod tidy -e` is
// how go.mod is kept: tests of litewitness, which nobody runs here, want a module that is
// not everywhere to be had.
package foreign

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The programs that the tests run.
var bpsc, litewitness string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	out, err := exec.Command("go", "tool", "-n", "litewitness").Output()
	if err != nil {
		fmt.Fprintln(os.Stderr, "litewitness cannot be built:", err)
		return 1
	}
	litewitness = strings.TrimSpace(string(out))
	if bpsc = os.Getenv("BPSC_BINARY"); bpsc == "" {
		dir, err := os.MkdirTemp("", "foreign")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		bpsc = filepath.Join(dir, "bpsc")
		build := exec.Command("go", "build", "-o", bpsc, "./cmd/bpsc")
		build.Dir, build.Stderr = filepath.Join("..", ".."), os.Stderr
		if err := build.Run(); err != nil {
			fmt.Fprintln(os.Stderr, "bpsc cannot be built:", err)
			return 1
		}
	}
	return m.Run()
}
