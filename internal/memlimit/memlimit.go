// Package memlimit has the garbage collector know how much memory the container or the
// service has in which this process runs. Without that it lets the heap grow to twice what
// lives, and the kernel ends a process that could have collected.
package memlimit

import (
	"io/fs"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// variable is Go's own: where somebody has set it, it counts.
const variable = "GOMEMLIMIT"

// spare is the share of the limit, one in so many, that is left to what Go does not count:
// the program itself, and pages of files that are mapped.
const spare = 10

// Set bounds this process by what the kernel lets it have, less some spare, and returns
// that bound in bytes; 0 where there is none, or somebody has set GOMEMLIMIT. The bound is
// soft: a heap that needs more gets it, at the price of collecting more often.
func Set() (bytes uint64) {
	if os.Getenv(variable) != "" {
		return 0
	}
	limit := allowed(os.DirFS("/"))
	if limit == 0 {
		return 0
	}
	limit -= limit / spare
	debug.SetMemoryLimit(int64(limit))
	return limit
}

// allowed is the least limit of the control groups that the process is in, of version 1
// or 2, and of those above them as far as they can be seen; 0 where there is none.
func allowed(root fs.FS) (least uint64) {
	groups, err := fs.ReadFile(root, "proc/self/cgroup")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(groups)) {
		// number:controllers:path, see cgroups(7); version 2 names no controllers.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		mount, file := "sys/fs/cgroup", "memory.max"
		switch {
		case fields[1] == "memory":
			mount, file = "sys/fs/cgroup/memory", "memory.limit_in_bytes"
		case fields[1] != "":
			continue
		}
		// In a container the path may be the host's, of which only the end of the way up
		// is there: the container's own.
		for group := path.Clean("/" + fields[2]); ; group = path.Dir(group) {
			if limit := read(root, path.Join(mount, group, file)); limit > 0 && (least == 0 || limit < least) {
				least = limit
			}
			if group == "/" {
				break
			}
		}
	}
	return least
}

// unlimited is what version 1 shows where there is no limit, rounded down to a page; no
// machine has so much.
const unlimited = 1 << 60

// read is the limit in a file, 0 for none.
func read(root fs.FS, file string) uint64 {
	text, err := fs.ReadFile(root, file)
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || limit >= unlimited { // version 2 says max
		return 0
	}
	return limit
}
