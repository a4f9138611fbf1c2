package memlimit

import (
	"runtime/debug"
	"testing"
	"testing/fstest"
)

func TestAllowed(t *testing.T) {
	for _, tt := range []struct {
		name  string
		files map[string]string
		want  uint64
	}{
		{"no control groups", nil, 0},
		{"version 2, in a namespace of its own", map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "536870912\n"}, 536870912},
		{"version 2 without a limit", map[string]string{
			"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/memory.max": "max\n"}, 0},
		{"the least of those above counts", map[string]string{
			"proc/self/cgroup":                                   "0::/system.slice/bpsc.service\n",
			"sys/fs/cgroup/system.slice/memory.max":              "1000000\n",
			"sys/fs/cgroup/system.slice/bpsc.service/memory.max": "max\n"}, 1000000},
		{"version 1, by the host's path", map[string]string{
			"proc/self/cgroup":                           "5:cpu,cpuacct:/docker/x\n4:memory:/docker/x\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n"}, 268435456},
		{"version 1 without a limit", map[string]string{
			"proc/self/cgroup": "4:memory:/\n", "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n"}, 0},
		{"what nobody can read", map[string]string{
			"proc/self/cgroup": "nonsense\n0::/\n", "sys/fs/cgroup/memory.max": "much\n"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root := fstest.MapFS{}
			for name, text := range tt.files {
				root[name] = &fstest.MapFile{Data: []byte(text)}
			}
			if got := allowed(root); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

// What somebody has set counts, whatever the container has.
func TestAVariableThatIsSetCounts(t *testing.T) {
	t.Setenv(variable, "off")
	before := debug.SetMemoryLimit(-1)
	if Set() != 0 || debug.SetMemoryLimit(-1) != before {
		t.Errorf("the limit was %d and is %d", before, debug.SetMemoryLimit(-1))
	}
}
