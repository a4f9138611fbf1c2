package harness

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPatchesThatNoLongerFitAreRefused(t *testing.T) {
	for name, p := range map[string]Patch{
		"the text is gone":        {"cmd/bpsc/main.go", "a text that nobody has written", ""},
		"the text is there twice": {"cmd/bpsc/main.go", "return", "panic"},
		"the file is gone":        {"cmd/bpsc/nothing.go", "return", ""},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := BuildPatched(t.Context(), t.TempDir(), p); err == nil || !strings.Contains(err.Error(), p.File) {
				t.Errorf("%v", err)
			}
		})
	}
}

// Files of one name do not get in each
// other's way.
func TestOverlay(t *testing.T) {
	path, err := writeOverlay(t.TempDir(), map[string]string{"/a/x.go": "one", "/b/x.go": "two"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"/a/x.go": "one", "/b/x.go": "two"} {
		_, rest, _ := strings.Cut(string(list), `"`+file+`":"`)
		changed, _, _ := strings.Cut(rest, `"`)
		if got, err := os.ReadFile(filepath.Clean(changed)); err != nil || string(got) != want {
			t.Errorf("%s is %q: %v", file, got, err)
		}
	}
}
