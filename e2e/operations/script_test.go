package operations

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// A newcomer adds a member, and replaces one, with one command each.
func TestTheScriptAddsAndReplaces(t *testing.T) {
	long(t)
	root, err := harness.Root()
	must(t, err)
	port, err := harness.FreePorts(0, 10, 20, 30, 50, 60, 70, 80)
	must(t, err)
	data := t.TempDir()
	script := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(filepath.Join(root, "scripts", "cluster.sh"), args...) //nolint:noctx // down runs after the test's end as well
		cmd.Env = append(harness.Environ(),
			fmt.Sprintf("BPSC_PORT=%d", port), fmt.Sprintf("BPSC_RAFT_PORT=%d", port+50), "BPSC_DATA="+data)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return string(out)
	}
	t.Cleanup(func() { script("down") })
	script("up", "--wallets", "open")
	if out := script("add"); !strings.Contains(out, "n4 is a voter") {
		t.Error(out)
	}
	if out := script("replace", "n2"); !strings.Contains(out, "n2 is replaced") {
		t.Error(out)
	}
	script("down")
	if out := script("restart-dead"); !strings.Contains(out, "all 4 members run") {
		t.Error(out)
	}
}
