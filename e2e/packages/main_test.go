// Package packages tests what is installed: the Debian package and its units, on a
// machine of its own with a systemd of its own.
package packages

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// limit is how long a machine or a unit may take for what takes it a second.
const limit = 30 * time.Second

// genuine and patched build bpsc when it is asked for first, as it is and hanging.
var genuine, patched func() (binary string, err error)

// hanging patches a member so that raft's main goroutine waits before it stores entries while
// the pipe of HANG is there: what holds it up is something that was not thought of. It is
// found out after two seconds.
var hanging = []harness.Patch{
	{File: "cluster/config.go", Old: "10 * time.Second", New: "2 * time.Second"},
	{File: "cluster/health/watchdog.go", Old: "const hangFactor = 6", New: "const hangFactor = 1"},
	{File: "cluster/replica/prepare.go", Old: "import (\n", New: "import (\n\t\"os\"\n"},
	{File: "cluster/replica/prepare.go", Old: "\ts.preparation.offer(logs)\n", New: harness.Held("os", `os.Getenv("HANG")`) + "\ts.preparation.offer(logs)\n"},
}

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("tests of packages are skipped with -short")
		return
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "bpsc-packages-")
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	genuine = sync.OnceValues(func() (string, error) { return harness.Build(context.Background(), dir) })
	patched = sync.OnceValues(func() (string, error) {
		return harness.BuildPatched(context.Background(), filepath.Join(dir, "patched"), hanging...)
	})
	return m.Run()
}

func build(t *testing.T, what func() (string, error)) (binary string) {
	t.Helper()
	binary, err := what()
	require.NoError(t, err)
	return binary
}

// pack makes the Debian package of a binary.
func pack(t *testing.T, binary string) (deb string) {
	t.Helper()
	root, err := harness.Root()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), filepath.Join(root, "scripts/package.sh"), "--binary", binary, t.TempDir())
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	deb = strings.TrimSpace(string(out))
	require.FileExists(t, deb)
	return deb
}
