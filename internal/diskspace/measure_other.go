//go:build !unix || netbsd || solaris || illumos || openbsd || aix

package diskspace

import "errors"

// measure cannot tell.
func measure(string) (usage, error) { return usage{}, errors.ErrUnsupported }
