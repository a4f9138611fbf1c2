package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// A misdeed is what no bpsc does, and a member in a test does. All of them are in one
// binary, beside what the source does without: each in a binary of its own, most of the
// packages would be compiled once for each. A process does those that its program's file is
// named after. In the text of a patch, isMeant stands for the question whether this is one.
type misdeed struct {
	name    string
	patches []harness.Patch
}

const isMeant = "MISDEED"

var misdeeds = []misdeed{gullible, hesitant, leaky, rentDoubled, settable, shameless}

// capable is the binary that can do all of them.
var capable = sync.OnceValues(func() (string, error) {
	asks := map[string]bool{}
	var all []harness.Patch
	for _, m := range misdeeds {
		for _, p := range m.patches {
			if strings.Contains(p.New, isMeant) && !asks[p.File] {
				asks[p.File] = true
				all = append(all, harness.Patch{File: p.File, Old: "import (\n", New: "import (\n\tprogram \"os\"\n\tnamed \"strings\"\n"})
			}
			p.New = strings.ReplaceAll(p.New, isMeant, fmt.Sprintf("named.Contains(program.Args[0], %q)", "+"+m.name))
			all = append(all, p)
		}
	}
	return harness.BuildPatched(context.Background(), filepath.Join(filepath.Dir(binary), "capable"), all...)
})

// doing is a bpsc that does what is said.
func doing(t *testing.T, what ...misdeed) string {
	t.Helper()
	built, err := capable()
	if err != nil {
		t.Fatal(err)
	}
	name := built
	for _, m := range what {
		name += "+" + m.name
	}
	if err := os.Link(built, name); err != nil && !os.IsExist(err) {
		t.Fatal(err)
	}
	return name
}
