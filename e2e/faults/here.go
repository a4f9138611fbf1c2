package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// here leaves out what cannot be done on this machine, and says what that is.
func here(names []string) (can, missing []string) {
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
	return can, missing
}

// disks tells whether any of the faults is one of a disk.
func disks(names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(plan.Names(plan.Disk), name) })
}

// build makes the binary, where none is given.
func build(ctx context.Context, binary, out string) (string, error) {
	if binary != "" {
		return filepath.Abs(binary)
	}
	return harness.Build(ctx, out)
}
