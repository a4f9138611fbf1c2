package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// module is the path of the module whose commands are built.
const module = "github.com/bpsc/bpsc"

// Root is the folder of the module.
func Root() (string, error) {
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("go env GOMOD: %w", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out))), nil
}

// Build compiles the binary into dir and returns its path.
func Build(ctx context.Context, dir string) (string, error) {
	return BuildCommand(ctx, dir, "cmd/bpsc")
}

// BuildCommand compiles a command of the module, given by its folder, into dir
// and returns the path of the binary. flags are those of go build. It is as scripts/build.sh
// makes it, but for what only a debugger reads (-s), which a third of linking is about.
func BuildCommand(ctx context.Context, dir, command string, flags ...string) (string, error) {
	binary := filepath.Join(dir, path.Base(command))
	args := append([]string{"build", "-trimpath", "-ldflags=-s", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, module+"/"+command)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	return binary, nil
}

// BuildAt compiles the binary of a commit into dir, which is made, and returns its path.
func BuildAt(ctx context.Context, dir, commit string) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	source, err := os.MkdirTemp("", "bpsc-at-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(source) }()
	tar := exec.CommandContext(ctx, "/bin/sh", "-c", `git archive "$0" | tar -x -C "$1"`, commit, source)
	tar.Dir = root
	if out, err := tar.CombinedOutput(); err != nil {
		return "", fmt.Errorf("git archive %s: %w\n%s", commit, err, out)
	}
	binary := filepath.Join(dir, "bpsc")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", binary, "./cmd/bpsc")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build of %s: %w\n%s", commit, err, out)
	}
	return binary, nil
}

// Environ is the environment without variables of the product, so that the
// shell of whoever runs the tests does not configure the members.
func Environ() []string {
	var env []string
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "BPSC_") {
			env = append(env, entry)
		}
	}
	return env
}

// Patch replaces a text that stands exactly once in a file of the module, or in one that
// is named by its absolute path, such as somebody would who wants his member to lie. When the source has changed
// so that the text is not there any more, the build fails and says so.
type Patch struct{ File, Old, New string }

// BuildPatched compiles the binary from changed source into dir, which is
// made, and returns its path. The source itself stays as it is.
func BuildPatched(ctx context.Context, dir string, patches ...Patch) (string, error) {
	overlay, err := patched(dir, patches)
	if err != nil {
		return "", err
	}
	return BuildCommand(ctx, dir, "cmd/bpsc", "-overlay", overlay)
}

// BuildPatchedTest is BuildPatched for the tests of a package of the module, given by its
// folder.
func BuildPatchedTest(ctx context.Context, dir, pkg string, patches ...Patch) (string, error) {
	overlay, err := patched(dir, patches)
	if err != nil {
		return "", err
	}
	binary := filepath.Join(dir, path.Base(pkg)+".test")
	out, err := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", binary, module+"/"+pkg).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("go test -c: %w\n%s", err, out)
	}
	return binary, nil
}

// patched writes the overlay of changed source into dir, which is made.
func patched(dir string, patches []Patch) (overlay string, err error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	texts := map[string]string{}
	for _, p := range patches {
		file := filepath.FromSlash(p.File)
		if !filepath.IsAbs(file) {
			file = filepath.Join(root, file)
		}
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
	return writeOverlay(dir, texts)
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
