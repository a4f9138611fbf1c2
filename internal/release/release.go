// Package release says which bpsc this is, and what it understands: its version, and
// the levels of the behaviour that members have in common.
//
// A level is a set of behaviours: requests that go into the log, fields of theirs, rows
// of the state, the format of its files. Members put nothing of a level into the log or
// onto a disk before their cluster has activated it, which it does once all of them
// know it. So a member can go back to the release before until then, and to none that
// does not know the level after it. See docs/adr/0035-levels.md.
package release

import (
	"errors"
	"fmt"
	"strings"
)

// Version is that of this source.
const Version = "0.2.0"

// Level is a set of behaviours, with all of the levels below it.
type Level uint64

// Levels, each with what it brings and the release that knows it first.
const (
	// First is what 0.1.0 does.
	First Level = 1

	// Access is what 0.2.0 brought: tokens, and the audit log of operators' actions.
	Access Level = 2

	// Newest is the last that this binary knows. It knows all below it.
	Newest = Access
)

// Release is the first that knows l; empty where this binary does not know that.
func (l Level) Release() string {
	switch l {
	case First:
		return "0.1.0"
	case Access:
		return "0.2.0"
	}
	return ""
}

// Need is what somebody must know who is to go on: a level, and the first release
// that does, in the words of one who knows it. The zero Need is none.
type Need struct {
	Level   Level  `json:"level,omitempty"`
	Release string `json:"release,omitempty"`
}

// For is the need of a level that this binary knows.
func For(l Level) Need { return Need{Level: l, Release: l.Release()} }

// ErrTooOld: this binary does not know what the cluster does.
var ErrTooOld = errors.New("this bpsc is too old")

// Check returns nil where this binary knows what is needed, else an ErrTooOld that
// says what to install.
func (n Need) Check() error {
	if n.Level <= Newest {
		return nil
	}
	return fmt.Errorf("%w: it is %s, which knows levels up to %d, and the cluster is on level %d: install bpsc %s or newer",
		ErrTooOld, Version, Newest, n.Level, n.name())
}

// name is the release to install. It came from somebody else, so that it may be
// anything.
func (n Need) name() string {
	if n.Release == "" || len(n.Release) > maxReleaseBytes || strings.Trim(n.Release, "0123456789abcdefghijklmnopqrstuvwxyz.-+") != "" {
		return fmt.Sprintf("with level %d", n.Level)
	}
	return n.Release
}

// maxReleaseBytes is more than any version of ours has.
const maxReleaseBytes = 32

// Standing is what a member tells the others about this.
type Standing struct {
	Version string `json:"version,omitempty"`
	Knows   Level  `json:"knows,omitempty"` // up to which level
	Active  Need   `json:"active,omitzero"` // what its state says that the cluster is on
}
