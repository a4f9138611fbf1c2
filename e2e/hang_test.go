package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// hesitant makes a member wait in Apply as long as something beside its data holds it, and
// take a second for too long.
var hesitant = misdeed{"hesitant", []harness.Patch{
	{File: "cluster/config.go", Old: "return Config{", New: "stall := 10 * time.Second\n\tif " + isMeant + " {\n\t\tstall = time.Second\n\t}\n\treturn Config{"},
	{File: "cluster/config.go", Old: "DiskStall:    10 * time.Second", New: "DiskStall: stall"},
	{File: "cluster/replica/replica.go", Old: "\t\"sync\"\n", New: "\t\"slices\"\n\t\"sync\"\n"},
	{File: "cluster/replica/replica.go", Old: "\treturn r.machine.Apply(l.Index, e.Micros, e.Requests)\n", New: `
	if ` + isMeant + ` {
	` + harness.Held("program", `program.Args[slices.Index(program.Args, "--data")+1] + ".hang"`) + `
	}
	return r.machine.Apply(l.Index, e.Micros, e.Requests)
`},
}}

// A leader whose state machine hangs makes way, says so, and catches up when it
// was only slow.
func TestLeaderWhoseStateMachineHangs(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Binary: doing(t, hesitant), Contract: busy})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed(t), Attempt: 2 * time.Second})
	if err := load.AwaitMore(t.Context(), 100); err != nil {
		t.Fatal(err)
	}
	old, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hang := old.Data + ".hang"
	if err := harness.Hold(hang); err != nil {
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
	if err := harness.Release(hang); err != nil {
		t.Fatal(err)
	}
	if err := c.AwaitReady(t.Context(), 30*time.Second); err != nil {
		t.Fatal(err)
	}
	stopAndCheck(t, c, load)
}
