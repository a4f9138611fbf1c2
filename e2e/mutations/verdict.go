package main

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// verdict is what became of a test.
type verdict string

const (
	passed  verdict = "passed"
	failed  verdict = "failed" // by an assertion
	crashed verdict = "crashed"
	hung    verdict = "hung"
	skipped verdict = "skipped"
	absent  verdict = "not run" // there is none of that name, or it never came to an end
)

// shown is the verdict by which each way of noticing something shows.
var shown = map[string]verdict{asserts: failed, panics: crashed, hangs: hung}

var crash = regexp.MustCompile(`(?m)^(panic: |fatal error: |unexpected fault address|SIG[A-Z]+: )`)

// judge reads what a test binary has printed of one test.
func judge(test, output string) verdict {
	switch {
	case strings.Contains(output, "panic: test timed out after"):
		return hung
	case crash.MatchString(output):
		return crashed
	}
	for result, v := range map[string]verdict{"FAIL": failed, "PASS": passed, "SKIP": skipped} {
		if strings.Contains("\n"+output, "\n--- "+result+": "+test+" (") {
			return v
		}
	}
	return absent
}

// run runs tests of a folder by a binary with its tests, for no longer than limit.
func (t tree) run(ctx context.Context, binary, flags, folder string, tests []string, limit time.Duration) (output string, took time.Duration, err error) {
	const grace = 10 * time.Second // for what a binary does when its time is up
	ctx, cancel := context.WithTimeout(ctx, limit+grace)
	defer cancel()
	c := t.command(ctx, flags, binary, "-test.v", "-test.run", "^("+strings.Join(tests, "|")+")$", "-test.timeout", limit.String())
	c.Dir = filepath.Join(t.root, filepath.FromSlash(folder))
	// rapid would keep the example that failed in the tree, and try it again where nothing is wrong.
	c.Env = append(c.Env, "RAPID_NOFAILFILE=1")
	c.WaitDelay = grace
	began := time.Now()
	out, err := c.CombinedOutput()
	took = time.Since(began)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		err = nil // what it says of each test counts
	}
	if err != nil {
		err = fmt.Errorf("running the tests of %s: %w", folder, err)
	}
	return string(out), took, err
}
