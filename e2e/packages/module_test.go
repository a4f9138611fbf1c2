package packages

import (
	"bytes"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"

	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/release"
)

// go install takes the module as the proxy packs it: without the modules inside it, and
// with no replace or exclude, which it refuses.
func TestGoInstall(t *testing.T) {
	root, err := harness.Root()
	require.NoError(t, err)
	text, err := os.ReadFile(filepath.Join(root, "go.mod"))
	require.NoError(t, err)
	file, err := modfile.ParseLax("go.mod", text, nil)
	require.NoError(t, err)
	require.Empty(t, file.Replace)
	require.Empty(t, file.Exclude)

	version := module.Version{Path: file.Module.Mod.Path, Version: "v" + release.Version}
	dir := t.TempDir()
	clean, packed := filepath.Join(dir, "clean"), filepath.Join(dir, "module.zip")
	require.NoError(t, os.Mkdir(clean, 0o755))
	said, err := exec.CommandContext(t.Context(), "/bin/sh", "-ec", `git -C "$1" archive HEAD | tar -x -C "$2"`, "copy", root, clean).CombinedOutput()
	require.NoError(t, err, "%s", said)
	out, err := os.Create(packed)
	require.NoError(t, err)
	defer func() { _ = out.Close() }()
	require.NoError(t, zip.CreateFromDir(out, version, clean))
	unpacked := filepath.Join(dir, "module")
	require.NoError(t, zip.Unzip(unpacked, version, packed))
	require.NoDirExists(t, filepath.Join(unpacked, "packaging", "deb"), "a module of its own is in the module")

	bin := filepath.Join(dir, "bin")
	// With the tag of scripts/build.sh, or a large library would be compiled for this test alone.
	cmd := exec.CommandContext(t.Context(), "go", "install", "-trimpath", "-tags=nomsgpack", "-ldflags=-s", "./cmd/bpsc")
	cmd.Dir = unpacked
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=mod", "GOBIN="+bin)
	said, err = cmd.CombinedOutput()
	require.NoError(t, err, "%s", said)
	said, err = exec.CommandContext(t.Context(), filepath.Join(bin, "bpsc"), "version").CombinedOutput()
	require.NoError(t, err, "%s", said)
	require.Contains(t, string(said), "bpsc "+release.Version+",")
}

// What is built for packages and images needs no library of the system, and does not
// say where it was built. The Dockerfile builds with the same script.
func TestBuild(t *testing.T) {
	root, err := harness.Root()
	require.NoError(t, err)
	binary := filepath.Join(t.TempDir(), "bpsc")
	said, err := exec.CommandContext(t.Context(), filepath.Join(root, "scripts/build.sh"), binary).CombinedOutput()
	require.NoError(t, err, "%s", said)
	file, err := elf.Open(binary)
	if err != nil {
		t.Skipf("not a binary of Linux: %v", err)
	}
	defer func() { _ = file.Close() }()
	libraries, err := file.ImportedLibraries()
	require.NoError(t, err)
	require.Empty(t, libraries)
	for _, part := range file.Progs {
		require.NotEqual(t, elf.PT_INTERP, part.Type, "it needs a loader")
	}
	text, err := os.ReadFile(binary)
	require.NoError(t, err)
	require.False(t, bytes.Contains(text, []byte(root+"/")), "it says %s", root)
}
