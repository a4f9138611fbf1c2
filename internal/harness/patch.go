package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Patch replaces a text that stands exactly once in a file of the module, such
// as somebody would who wants his member to lie. When the source has changed
// so that the text is not there any more, the build fails and says so.
type Patch struct{ File, Old, New string }

// BuildPatched compiles the binary from changed source into dir, which is
// made, and returns its path. The source itself stays as it is.
func BuildPatched(ctx context.Context, dir string, patches ...Patch) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	texts := map[string]string{}
	for _, p := range patches {
		file := filepath.Join(root, filepath.FromSlash(p.File))
		text, read := texts[file]
		if !read {
			source, err := os.ReadFile(file)
			if err != nil {
				return "", err
			}
			text = string(source)
		}
		if n := strings.Count(text, p.Old); n != 1 {
			return "", fmt.Errorf("%s has changed: the text to replace stands there %d times:\n%s", p.File, n, p.Old)
		}
		texts[file] = strings.Replace(text, p.Old, p.New, 1)
	}
	overlay, err := writeOverlay(dir, texts)
	if err != nil {
		return "", err
	}
	return BuildCommand(ctx, dir, "cmd/bpsc", "-overlay", overlay)
}

// writeOverlay writes the changed files, and the list of them that go build
// reads.
func writeOverlay(dir string, texts map[string]string) (string, error) {
	var list struct{ Replace map[string]string }
	list.Replace = map[string]string{}
	for file, text := range texts {
		changed := filepath.Join(dir, fmt.Sprintf("%d-%s", len(list.Replace), filepath.Base(file)))
		if err := os.WriteFile(changed, []byte(text), 0o644); err != nil {
			return "", err
		}
		list.Replace[file] = changed
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, text, 0o644)
}
