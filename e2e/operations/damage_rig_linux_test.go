package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// mends finds the command in what a node says of a damage.
var mends = regexp.MustCompile(`bpsc cluster rebuild --data [^\n\\"]+`)

// commandIn is the command in the last words of a process.
func commandIn(t *testing.T, said string) string {
	t.Helper()
	found := mends.FindAllString(said, -1)
	if len(found) == 0 {
		t.Fatalf("it names no command:\n%s", said)
	}
	return strings.TrimSpace(found[len(found)-1])
}

// shell runs a command as it stands, as somebody does who has copied it.
func shell(t *testing.T, command string) said {
	t.Helper()
	s, err := inShell(t.Context(), command)
	must(t, err)
	t.Logf("%s: %d\n%s%s", command, s.code, s.out, s.err)
	return s
}

func inShell(ctx context.Context, command string) (said, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", command)
	cmd.Env = append(harness.Environ(), "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	if failed := cmd.Run(); failed != nil && !errors.As(failed, new(*exec.ExitError)) {
		return said{}, failed
	}
	return said{out.String(), err.String(), cmd.ProcessState.ExitCode()}, nil
}

// process is a member or a follower.
type process interface {
	Start() error
	Kill() error
	Alive() bool
	LogTail(lines int) string
	AwaitExit(ctx context.Context, limit time.Duration) (int, error)
}

// refuses starts a node on a damaged folder, which it must not take, and returns the command
// that it names.
func refuses(t *testing.T, p process, log string) string {
	t.Helper()
	must(t, os.Truncate(log, 0), p.Start())
	code, err := p.AwaitExit(t.Context(), 20*time.Second)
	if err != nil || code == 0 {
		_ = p.Kill()
		t.Fatalf("it ended with %d, %v:\n%s", code, err, p.LogTail(40))
	}
	return commandIn(t, p.LogTail(40))
}

// largest is the largest file that matches.
func largest(data, pattern string) (path string, size int64, err error) {
	paths, err := filepath.Glob(filepath.Join(data, pattern))
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return "", 0, err
		}
		if info.Size() > size {
			path, size = p, info.Size()
		}
	}
	if path == "" {
		err = errors.Join(err, fmt.Errorf("no file matches %s in %s", pattern, data))
	}
	return path, size, err
}

// rotten changes one byte of the largest file that matches, at a part of it, in place: a
// snapshot that has the same file by a link has the same damage.
func rotten(pattern string, part float64) func(data string) error {
	return func(data string) error {
		path, size, err := largest(data, pattern)
		if err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		at := int64(float64(size) * part)
		var b [1]byte
		if _, err := f.ReadAt(b[:], at); err != nil {
			return errors.Join(err, f.Close())
		}
		b[0] ^= 0x40
		_, err = f.WriteAt(b[:], at)
		return errors.Join(err, f.Close())
	}
}

// onEach does something to each file that matches.
func onEach(pattern string, do func(path string) error) func(data string) error {
	return func(data string) error {
		paths, err := filepath.Glob(filepath.Join(data, pattern))
		if len(paths) == 0 {
			err = errors.Join(err, fmt.Errorf("no file matches %s in %s", pattern, data))
		}
		for _, path := range paths {
			err = errors.Join(err, do(path))
		}
		return err
	}
}

// halved cuts a file in two.
func halved(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()/2)
}
