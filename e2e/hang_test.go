package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// A leader whose state machine hangs makes way, says so, and catches up when it
// was only slow. What hangs is a patched member that waits in Apply for a file to
// go away, and takes a second for too long.
func TestLeaderWhoseStateMachineHangs(t *testing.T) {
	dir := t.TempDir()
	patched, err := harness.BuildPatched(t.Context(), filepath.Join(dir, "patched"),
		harness.Patch{File: "cluster/config.go", Old: "10 * time.Second", New: "time.Second"},
		harness.Patch{File: "cluster/replica.go", Old: "\t\"sync\"\n", New: "\t\"os\"\n\t\"sync\"\n"},
		harness.Patch{File: "cluster/replica.go", Old: "\treturn r.machine.Apply(l.Index, e.micros, e.requests)\n", New: fmt.Sprintf(`
	for err := error(nil); err == nil; time.Sleep(time.Millisecond) {
		_, err = os.Stat(%q + os.Args[3])
	}
	return r.machine.Apply(l.Index, e.micros, e.requests)
`, dir+"/hang-")})
	if err != nil {
		t.Fatal(err)
	}
	c := startCluster(t, harness.Options{Binary: patched, Contract: busy})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed(t), Attempt: 2 * time.Second})
	if err := load.AwaitMore(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	old, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hang := filepath.Join(dir, "hang-"+old.ID)
	if err := os.WriteFile(hang, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err = harness.Until(t.Context(), 20*time.Second, "it is not ready for that reason", func(ctx context.Context) error {
		err := harness.Get(ctx, c.HTTP, old.URL+"/readyz", nil)
		if err == nil || !strings.Contains(err.Error(), "takes longer") {
			return fmt.Errorf("it says %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := load.AwaitMore(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(hang); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	stopAndCheck(t, c, load)
}
