package harness

import (
	"context"
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
// and returns the path of the binary. flags are those of go build.
func BuildCommand(ctx context.Context, dir, command string, flags ...string) (string, error) {
	binary := filepath.Join(dir, path.Base(command))
	args := append([]string{"build", "-o", binary}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, module+"/"+command)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
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
