package release

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Every level that this binary knows has the release that brought it, and that is not
// newer than this one.
func TestLevelsHaveReleases(t *testing.T) {
	for l := First; l <= Newest; l++ {
		if l.Release() == "" {
			t.Errorf("level %d has no release", l)
		}
		if err := For(l).Check(); err != nil {
			t.Error(err)
		}
	}
	if order(t, Newest.Release()) > order(t, Version) {
		t.Errorf("level %d is of %s, and this is %s", Newest, Newest.Release(), Version)
	}
	if beyond := Newest + 1; beyond.Release() != "" {
		t.Errorf("level %d has a release and is not known", beyond)
	}
}

// order is a number that grows with a version.
func order(t *testing.T, version string) int {
	t.Helper()
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "%d.%d.%d", &major, &minor, &patch); err != nil {
		t.Fatalf("version %q: %v", version, err)
	}
	return major*1_000_000 + minor*1000 + patch
}

func TestTooOld(t *testing.T) {
	for says, n := range map[string]Need{
		"install bpsc 0.7.1 or newer":        {Level: Newest + 1, Release: "0.7.1"},
		"install bpsc with level 9 or newer": {Level: 9},
		"bpsc with level 8 or newer":         {Level: 8, Release: "rm -rf /;\x1b[2J"},
		"bpsc with level 7 or newer":         {Level: 7, Release: strings.Repeat("1", maxReleaseBytes+1)},
	} {
		if err := n.Check(); !errors.Is(err, ErrTooOld) || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), Version) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	if err := (Need{}).Check(); err != nil {
		t.Error(err)
	}
}
