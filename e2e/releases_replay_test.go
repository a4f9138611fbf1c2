package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// The logs that each release has left behind come to what the release came to, in this
// version's hands: members that have lost their states make them anew, from the snapshot and
// the log behind it, and serve the same chains, byte for byte.
func TestLogsOfReleasesAreReplayed(t *testing.T) {
	archives, err := harness.ReleaseData()
	if err != nil {
		t.Fatal(err)
	}
	for version, archive := range archives {
		t.Run(version, func(t *testing.T) {
			dir := t.TempDir()
			if err := harness.Unpack(archive, dir); err != nil {
				t.Fatal(err)
			}
			states, err := filepath.Glob(filepath.Join(dir, "n*", "state"))
			if err != nil || len(states) != 3 {
				t.Fatalf("states: %v, %v", states, err)
			}
			for _, state := range states {
				if err := os.RemoveAll(state); err != nil {
					t.Fatal(err)
				}
			}
			goOn(t, dir)
			for _, state := range states {
				if _, err := os.Stat(state); errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s was not made anew", state)
				}
			}
		})
	}
}
