package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tree is a module and a scratch folder beside it, into which everything is written. The
// module itself stays as it is.
type tree struct {
	root    string // of the module
	scratch string
}

// build compiles the tests of a folder with a mutation, or without one where m is nil. flags are
// those that make any go command see the tree as it was built.
func (t tree) build(ctx context.Context, m *mutation, folder string) (binary, flags string, err error) {
	into, err := os.MkdirTemp(t.scratch, "build-")
	if err != nil {
		return "", "", err
	}
	switch {
	case m == nil:
	case m.Module == "":
		flags, err = t.overlay(into, m)
	default:
		flags, err = t.replaced(ctx, into, m)
	}
	if err != nil {
		return "", "", err
	}
	binary = filepath.Join(into, "mutated.test")
	build := t.command(ctx, flags, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-o", binary, "./"+folder) // nobody debugs it: to link takes longest
	if out, err := build.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("%w: go test -c: %w\n%s", errDoesNotBuild, err, out)
	}
	return binary, flags, nil
}

var errDoesNotBuild = errors.New("it does not build, which says nothing about tests")

// overlay has the mutated file as a scratch copy that go reads in place of the one in
// the module: what is built is a copy of the tree with that line, and packages that do
// not import it come from the build cache.
func (t tree) overlay(into string, m *mutation) (flags string, err error) {
	file := filepath.Join(t.root, filepath.FromSlash(m.File))
	changed, err := t.mutate(file, into, m)
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(map[string]any{"Replace": map[string]string{file: changed}})
	if err != nil {
		return "", err
	}
	list := filepath.Join(into, "overlay.json")
	return "-overlay=" + list, os.WriteFile(list, text, 0o644)
}

// replaced is overlay for a library, whose files go lets nobody lay over: a copy of
// its module, and a go.mod that names the copy.
func (t tree) replaced(ctx context.Context, into string, m *mutation) (flags string, err error) {
	original, err := t.module(ctx, m.Module)
	if err != nil {
		return "", err
	}
	library := filepath.Join(into, "library")
	if err := os.CopyFS(library, os.DirFS(original)); err != nil {
		return "", err
	}
	changed, err := t.mutate(filepath.Join(original, filepath.FromSlash(m.File)), into, m)
	if err != nil {
		return "", err
	}
	target := filepath.Join(library, filepath.FromSlash(m.File))
	if err := errors.Join(os.Remove(target), os.Rename(changed, target)); err != nil { // those of the cache are read-only
		return "", err
	}
	goMod := filepath.Join(into, "go.mod")
	for from, to := range map[string]string{"go.mod": goMod, "go.sum": filepath.Join(into, "go.sum")} {
		text, err := os.ReadFile(filepath.Join(t.root, from))
		if err == nil {
			err = os.WriteFile(to, text, 0o644)
		}
		if err != nil {
			return "", err
		}
	}
	edit := t.command(ctx, "", "go", "mod", "edit", "-replace", m.Module+"="+library, goMod)
	if out, err := edit.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go mod edit: %w\n%s", err, out)
	}
	return "-modfile=" + goMod, nil
}

// module is the folder of a library.
func (t tree) module(ctx context.Context, path string) (folder string, err error) {
	out, err := t.command(ctx, "", "go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	if err != nil {
		return "", fmt.Errorf("go list -m %s: %w", path, err)
	}
	return string(bytes.TrimSpace(out)), nil
}

// mutate writes the mutated copy of a file into a folder.
func (t tree) mutate(file, into string, m *mutation) (changed string, err error) {
	source, err := os.ReadFile(file)
	if err != nil {
		return "", err
	}
	text, err := m.apply(string(source))
	if err != nil {
		return "", err
	}
	changed = filepath.Join(into, filepath.Base(file))
	return changed, os.WriteFile(changed, []byte(text), 0o644)
}

// command is one in the module's folder, with what is set for the product left out, and with
// flags for each go command that it starts.
func (t tree) command(ctx context.Context, flags, name string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = t.root
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "BPSC_") && !strings.HasPrefix(entry, "GOFLAGS=") && !strings.HasPrefix(entry, "TMPDIR=") {
			c.Env = append(c.Env, entry)
		}
	}
	c.Env = append(c.Env, "GOFLAGS="+strings.TrimSpace(os.Getenv("GOFLAGS")+" "+flags), "TMPDIR="+t.scratch)
	return c
}
