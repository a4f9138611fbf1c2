package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/bpsc/bpsc/e2e/faults/delay"
	"github.com/bpsc/bpsc/e2e/faults/lab"
	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// here leaves out what cannot be done on this machine, and says what that is.
func here(names []string, given, base string) (can, missing []string) {
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
	if err := delay.Here(context.Background()); among(can, plan.Delay) && (os.Getuid() != 0 || err != nil) {
		drop("links that delay, which take root, iptables and a kernel with NFQUEUE", plan.Delay)
	}
	if _, err := os.Stat("/dev/fuse"); err != nil || os.Getuid() != 0 {
		drop("disks that fail, which take /dev/fuse and root", plan.Disk)
	}
	if base != "" {
		drop("clocks that are wrong, which no build of another commit has", plan.Clock)
		can = slices.DeleteFunc(can, func(name string) bool { return name == "activate" }) // there is no level to activate
		drop("members that lie, which could not know what a build of another commit has left behind", plan.Dishonest)
	}
	if given != "" {
		drop("another release, which is built beside one of this source", plan.Release)
		drop("members that lie, whose program is built of this source", plan.Dishonest)
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

// other makes the binary of another release, where one is needed: that of a commit, or this source with
// the version and the level that come next, and what else this one has that is run here.
func other(ctx context.Context, base, out string, names []string) (binary string, err error) {
	dir := filepath.Join(out, "other")
	if !among(names, plan.Release) {
		return "", nil
	}
	if base != "" {
		return harness.BuildAt(ctx, dir, base)
	}
	patches := harness.NextRelease()
	if among(names, plan.Clock) {
		patches = append(patches, lab.Settable...)
	}
	return harness.BuildPatched(ctx, dir, patches...)
}

// lying makes the binary that lies, where one is needed, of the newest release that is run here: a member that has
// been that may become this.
func lying(ctx context.Context, out string, names []string) (string, error) {
	if !among(names, plan.Dishonest) {
		return "", nil
	}
	patches := slices.Clone(lab.Lying)
	if among(names, plan.Release) {
		patches = append(patches, harness.NextRelease()...)
	}
	if among(names, plan.Clock) {
		patches = append(patches, lab.Settable...)
	}
	return harness.BuildPatched(ctx, filepath.Join(out, "lying"), patches...)
}
