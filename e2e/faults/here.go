package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/e2e/faults/lab"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// here leaves out what cannot be done on this machine, and says what that is.
func here(names []string, given string) (can, missing []string) {
	can = slices.Clone(names)
	drop := func(why string, kinds ...plan.Kind) {
		left := slices.DeleteFunc(slices.Clone(can), func(name string) bool { return slices.Contains(plan.Names(kinds...), name) })
		if len(left) < len(can) {
			missing = append(missing, why)
		}
		can = left
	}
	if os.Getuid() != 0 {
		drop("faults of the network, which take network namespaces, which root makes", plan.Network)
	}
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		drop("disks that fail, which take /dev/fuse and root", plan.Disk)
	}
	if given != "" {
		drop("clocks that are wrong, which take a build of their own", plan.Clock)
	}
	return can, missing
}

// among tells whether any of the faults is of a kind.
func among(names []string, kind plan.Kind) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(plan.Names(kind), name) })
}

// build makes the binary, where none is given: for clocks one whose clock can be set.
func build(ctx context.Context, binary, out string, names []string) (string, error) {
	switch {
	case binary != "":
		return filepath.Abs(binary)
	case among(names, plan.Clock):
		return harness.BuildPatched(ctx, filepath.Join(out, "settable"), lab.Settable...)
	}
	return harness.Build(ctx, out)
}
