package main

import (
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// profileOf is a CPU profile with a sample for each stack, from the inmost function outwards.
func profileOf(nanoseconds int64, stacks ...[]string) *profile.Profile {
	p := &profile.Profile{}
	for _, names := range stacks {
		s := &profile.Sample{Value: []int64{1, nanoseconds}}
		for _, name := range names {
			s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: name}}}})
		}
		p.Sample = append(p.Sample, s)
	}
	return p
}

func TestASampleIsOfTheFirstStageThatItsStackHas(t *testing.T) {
	const serve = "net/http.(*conn).serve"
	for _, test := range []struct {
		stage string
		stack []string
	}{
		{"garbage collection", []string{"runtime.scanobject", "runtime.gcAssistAlloc", "github.com/bpsc/bpsc/intake.(*Reader).Batch", serve}},
		{"request decoded", []string{"runtime.mallocgc", "github.com/bpsc/bpsc/intake.(*Reader).Batch", "github.com/bpsc/bpsc/api.(*memberServer).postBatch", serve}},
		{"log written", []string{"syscall.fdatasync", "go.etcd.io/bbolt.(*Tx).Commit", "github.com/bpsc/bpsc/cluster/raftlog.(*Log).StoreLogs", "github.com/hashicorp/raft.(*Raft).leaderLoop"}},
		{"apply", []string{"github.com/bpsc/bpsc/fsm.submitOne", "github.com/bpsc/bpsc/fsm.(*Machine).ApplyPrepared", "github.com/hashicorp/raft.(*Raft).runFSM"}},
		{"entry prepared", []string{"crypto/sha256.Sum256", "github.com/bpsc/bpsc/fsm.(*Machine).Prepare", "github.com/bpsc/bpsc/cluster/replica.(*preparation).run"}},
		{"raft's loops", []string{"runtime.selectgo", "github.com/hashicorp/raft.(*Raft).leaderLoop"}},
		{"answer written (net/http)", []string{"syscall.write", "net/http.(*response).finishRequest", serve}},
		{"request read (net/http)", []string{"syscall.read", "net/http.(*connReader).Read", serve}},
		{"scheduler", []string{"runtime.futex", "runtime.findRunnable", "runtime.schedule"}},
		{other, []string{"os/signal.loop"}},
	} {
		got := other
		if at := stageOf(test.stack); at < len(stages) {
			got = stages[at].name
		}
		if got != test.stage {
			t.Errorf("%v is of %q, want %q", test.stack, got, test.stage)
		}
	}
}

func TestAColumnAddsUpToWhatTheProcessesUsed(t *testing.T) {
	read, applied := []string{"net/http.(*connReader).Read"}, []string{"github.com/hashicorp/raft.(*Raft).runFSM"}
	c := &column{load: single64, leaderBy: make([]series, len(stages)+1), othersBy: make([]series, len(stages)+1)}
	c.add(measured{Rate: 1000, Members: 100, Leader: 60, Tool: 8}, 1, []*profile.Profile{
		profileOf(5, applied), profileOf(7, read, read, applied), profileOf(5, applied, []string{"os/signal.loop"}),
	})
	sum := func(by []series) (all float64) {
		for _, s := range by {
			all += s.median()
		}
		return all
	}
	if got := sum(c.leaderBy); math.Abs(got-60) > 1e-9 {
		t.Errorf("the leader's stages are %v together, want 60", got)
	}
	if got := sum(c.othersBy); math.Abs(got-20) > 1e-9 {
		t.Errorf("another member's stages are %v together, want 20", got)
	}
	got := stageTable([]*column{c})
	for _, line := range []string{
		"| request read (net/http) | 40.0 / – |",
		"| apply | 20.0 / 15.0 |",
		"| the rest | – / 5.0 |",
		"| **all** | 60.0 / 20.0 |",
	} {
		if !strings.Contains(got, line) {
			t.Errorf("no line %q in\n%s", line, got)
		}
	}
	if strings.Contains(got, "attest") {
		t.Errorf("a stage that costs nothing has a row:\n%s", got)
	}
}

// named takes a part of a stage apart that is of this module: folder, receiver, and function, or
// its beginning.
var named = regexp.MustCompile(`^bpsc/([a-z/]+)(?:\.\((\*\w+)\))?(?:\.(\w*))?$`)

// A function of ours that a stage names is there: one that has gone, or has another name, would
// be counted elsewhere in silence.
func TestStagesNameFunctionsThatAreThere(t *testing.T) {
	for _, s := range stages {
		for _, part := range s.parts {
			if !strings.HasPrefix(part, "bpsc/") {
				continue
			}
			of := named.FindStringSubmatch(part)
			if of == nil {
				t.Errorf("%s: %q is no name of ours", s.name, part)
				continue
			}
			declared := `(?m)^(func|type) ` + of[3]
			if of[2] != "" {
				declared = `(?m)^func \(\w+ ` + regexp.QuoteMeta(of[2]) + `\) ` + of[3]
			}
			if !mentions(t, filepath.Join("..", "..", filepath.FromSlash(of[1])), regexp.MustCompile(declared)) {
				t.Errorf("%s: there is no %s", s.name, part)
			}
		}
	}
}

// mentions tells whether one of the files of a package, tests apart, has a match.
func mentions(t *testing.T, folder string, pattern *regexp.Regexp) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(path, "_test.go") && pattern.Match(source) {
			return true
		}
	}
	return false
}
