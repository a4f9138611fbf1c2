package sim

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// exactRuntime are the changes of Go's runtime by which a bubble goes by a seed to the
// last step. They fit one version of Go; where a text is not there any more the build says
// so. What each takes away is what DESIGN.md lists as left to chance.
var exactRuntime = []harness.Patch{
	{ // A bubble has a source of its own.
		File: "runtime/synctest.go",
		Old:  "// A synctestBubble is a set of goroutines started by synctest.Run.\ntype synctestBubble struct {\n",
		New: `// exactSeed is what the next bubble goes by, and while it is not zero processors are not
// taken from who holds them.
//
//go:linkname exactSeed
var exactSeed uint64

var exactBegun bool // all packages have been initialized

// draw is splitmix64.
//
//go:nosplit
func (b *synctestBubble) draw() uint64 {
	b.exact += 0x9E3779B97F4A7C15
	z := b.exact
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// A synctestBubble is a set of goroutines started by synctest.Run.
type synctestBubble struct {
	exact uint64
`,
	},
	{
		File: "runtime/synctest.go",
		Old:  "	bubble := &synctestBubble{\n",
		New:  "	bubble := &synctestBubble{\n		exact:   exactSeed,\n",
	},
	{ // The order in which select looks at what is ready.
		File: "runtime/select.go",
		Old:  "		j := cheaprandn(uint32(norder + 1))\n",
		New:  "		j := cheaprandn(uint32(norder + 1))\n		if b := getg().bubble; b != nil && exactSeed != 0 {\n			j = uint32(b.draw() % uint64(norder+1))\n		}\n",
	},
	{ // That of timers of one moment.
		File: "runtime/time.go",
		Old:  "			t.rand = cheaprand()\n",
		New:  "			t.rand = cheaprand()\n			if b := getg().bubble; b != nil && exactSeed != 0 {\n				t.rand = uint32(b.draw())\n			}\n",
	},
	{ // That of maps, and math/rand/v2.
		File: "runtime/rand.go",
		Old:  "	mp := getg().m\n	c := &mp.chacha8\n",
		New:  "	if b := getg().bubble; b != nil && exactSeed != 0 {\n		return b.draw()\n	}\n	mp := getg().m\n	c := &mp.chacha8\n",
	},
	{ // The keys of all hashes are those of every other process.
		File: "runtime/rand.go",
		Old:  "	globalRand.state.Init(*seed)\n	clear(seed[:])\n",
		New:  "	for i := range seed {\n		seed[i] = byte(i)\n	}\n	globalRand.state.Init(*seed)\n	clear(seed[:])\n",
	},
	{ // Who waits long for a mutex goes first: by real time.
		File: "runtime/sema.go",
		Old:  "func internal_sync_nanotime() int64 {\n	return nanotime()\n}",
		New:  "func internal_sync_nanotime() int64 {\n	if exactSeed != 0 {\n		return 0\n	}\n	return nanotime()\n}",
	},
	{ // A goroutine that waits for a file, or computes for long, keeps its processor.
		File: "runtime/proc.go",
		Old:  "func retake(now int64) uint32 {\n	n := 0\n",
		New:  "func retake(now int64) uint32 {\n	if exactSeed != 0 {\n		return 0\n	}\n	n := 0\n",
	},
	{ // What is kept of when a process began, as Pebble does, is the same in each.
		File: "runtime/time.go",
		Old:  "		return sec, nsec, 0\n	}\n	return time_now()\n}",
		New:  "		return sec, nsec, 0\n	}\n	if !exactBegun {\n		return 946684800, 0, 0\n	}\n	return time_now()\n}",
	},
	{
		File: "runtime/proc.go",
		Old:  "	close(main_init_done)\n",
		New:  "	exactBegun = true\n	close(main_init_done)\n",
	},
	{ // How often those are looked at that have given way depends on what was before.
		File: "runtime/proc.go",
		Old:  "	if pp.schedtick%61 == 0 && !sched.runq.empty() {\n",
		New:  "	if pp.schedtick%61 == 0 && !sched.runq.empty() && exactSeed == 0 {\n",
	},
	{ // The runtime's own goroutines get before nobody.
		File: "runtime/proc.go",
		Old:  "	runqput(mp.p.ptr(), gp, next)\n	wakep()\n	releasem(mp)\n}",
		New:  "	runqput(mp.p.ptr(), gp, next && (exactSeed == 0 || gp.bubble != nil))\n	wakep()\n	releasem(mp)\n}",
	},
}

// linked is how the simulation reaches it.
var linked = harness.Patch{
	File: "e2e/sim/exact_seed_test.go",
	Old:  "func seedRuntime(uint64) {}",
	New:  "func seedRuntime(s uint64) { exactSeed = s }\n\n//go:linkname exactSeed runtime.exactSeed\nvar exactSeed uint64",
}

// buildExact builds these tests on the changed runtime. All packages are built anew the
// first time, which takes a minute or two.
func buildExact(ctx context.Context, dir string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	patches := []harness.Patch{linked}
	for _, p := range exactRuntime {
		p.File = filepath.Join(strings.TrimSpace(string(out)), "src", p.File)
		patches = append(patches, p)
	}
	return harness.BuildPatchedTest(ctx, dir, "e2e/sim", patches...)
}

// exactly tells whether a seed is to be the same run to the last step.
func exactly() bool { return os.Getenv("BPSC_EXACT") != "" }

// binary is the build of these tests that workers run.
func binary(t *testing.T) string {
	if !exactly() {
		return os.Args[0]
	}
	path, err := buildExact(t.Context(), t.TempDir())
	require.NoError(t, err)
	return path
}

// On the changed runtime each process that begins with a seed goes the same way to the last
// step, whatever else the machine does.
func TestTheSameSeedIsTheSameRunToTheLastStep(t *testing.T) {
	if !exactly() {
		t.Skip("BPSC_EXACT=1 runs it; it builds all packages on a changed runtime")
	}
	build := binary(t)
	first, seeds := number(t, "BPSC_SEED", 1), number(t, "BPSC_SEEDS", 10)
	var mu sync.Mutex
	hashes := map[uint64][]uint64{}
	steps, next := 0, uint64(0)
	err := runAll(t.Context(), build, func() (plan, bool) {
		mu.Lock()
		defer mu.Unlock()
		next++
		return newPlan(first+(next-1)/2, minute), next <= 2*seeds
	}, func(p plan, r result) {
		mu.Lock()
		defer mu.Unlock()
		if len(r.Violations) > 0 {
			t.Errorf("seed %d:\n%s", p.Seed, report(build, p, r))
		}
		steps += r.Steps
		hashes[p.Seed] = append(hashes[p.Seed], r.Hash)
	})
	require.NoError(t, err)
	for seed, of := range hashes {
		if len(of) != 2 || of[0] != of[1] {
			t.Errorf("seed %d is two runs: %x", seed, of)
		}
	}
	t.Logf("%d seeds twice, %d steps", len(hashes), steps)
}
