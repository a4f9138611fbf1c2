package docs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// patience is for one document: a build, a cluster, and its commands.
const patience = 3 * time.Minute

// leastTested is how many commands are run at least: so many that nobody can mark them
// all as not to be tested without a word.
const leastTested = 60

// Every command of README.md and docs/*.md is run by the test below, or says why not.
func TestEveryCommandIsTestedOrSaysWhyNot(t *testing.T) {
	tested, not := 0, 0
	for _, file := range documents(t) {
		for _, b := range blocks(t, file) {
			for _, line := range b.misplaced() {
				t.Errorf("%s: %q looks like a command: mark the block sh or console, or text", b.at(), line)
			}
			commands := 0
			for _, c := range b.commands() {
				for line := range strings.SplitSeq(c, "\n") {
					if line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, " ") {
						commands++
					}
				}
			}
			switch why := b.untested(); {
			case why != "":
				not += commands
				t.Logf("%s: %d commands are not tested: %s", b.at(), commands, why)
			default:
				tested += commands
				for _, line := range b.silent() {
					t.Errorf("%s: %q ends well whatever is answered: say -f, or \"# 404\"", b.at(), line)
				}
			}
		}
	}
	t.Logf("%d commands are tested, %d are not", tested, not)
	require.GreaterOrEqual(t, tested, leastTested)
}

// The commands of each document, in one shell, as somebody does who pastes one block after
// the other, on a cluster of their own. Where the document starts none, one is there.
func TestCommandsOfTheDocuments(t *testing.T) {
	if testing.Short() {
		t.Skip("real processes")
	}
	for _, file := range documents(t) {
		var script []*block
		for _, b := range blocks(t, file) {
			if b.untested() == "" && len(b.commands()) > 0 {
				script = append(script, b)
			}
		}
		if len(script) == 0 {
			continue
		}
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel() // most of it waits
			runBlocks(t, script)
		})
	}
}

// place is where a document's commands run: a folder with the scripts and documents that
// it names, a home, and ports of its own in place of those that it says.
type place struct {
	dir   string
	env   []string
	ports *strings.Replacer
	datas []string // of the clusters that it may start
	bases []int    // their ports
}

func newPlace(t *testing.T) *place {
	t.Helper()
	p := &place{dir: t.TempDir()}
	repository := root(t)
	require.NoError(t, os.Symlink(filepath.Join(repository, "docs"), filepath.Join(p.dir, "docs")))
	require.NoError(t, os.Mkdir(filepath.Join(p.dir, "scripts"), 0o755))
	for _, name := range []string{"cluster.sh", "build.sh"} {
		text := fmt.Sprintf("#!/bin/sh\nexec '%s' \"$@\"\n", filepath.Join(repository, "scripts", name))
		require.NoError(t, os.WriteFile(filepath.Join(p.dir, "scripts", name), []byte(text), 0o755)) //nolint:gosec // a script
	}
	var said []string
	for _, first := range []int{5000, 5100} {
		base, err := harness.FreePorts(0, 1, 2, 10, 20, 30, 50, 60, 70, 80)
		require.NoError(t, err)
		p.bases = append(p.bases, base)
		for _, offset := range []int{0, 1, 2, 10, 20, 30} {
			said = append(said, fmt.Sprint(first+offset), fmt.Sprint(base+offset))
		}
	}
	p.ports = strings.NewReplacer(said...)
	p.datas = []string{filepath.Join(p.dir, "data"), filepath.Join(p.dir, ".bpsc", "signed")}
	p.env = append(harness.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "XDG_DATA_HOME=", "XDG_STATE_HOME=",
		"GOPATH="+goEnv(t, "GOPATH"), "GOCACHE="+goEnv(t, "GOCACHE"), "GOMODCACHE="+goEnv(t, "GOMODCACHE"),
		"BPSC_DATA="+p.datas[0], fmt.Sprintf("BPSC_PORT=%d", p.bases[0]), fmt.Sprintf("BPSC_RAFT_PORT=%d", p.bases[0]+50))
	t.Cleanup(func() { p.down(t) })
	return p
}

// goEnv is a setting of Go that does not follow from HOME here.
func goEnv(t *testing.T, name string) string {
	t.Helper()
	out, err := exec.Command("go", "env", name).Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// down ends what the document has started and not ended.
func (p *place) down(t *testing.T) {
	for i, data := range p.datas {
		if _, err := os.Stat(filepath.Join(data, "addresses")); err != nil {
			continue
		}
		cmd := exec.Command(filepath.Join(p.dir, "scripts", "cluster.sh"), "down")
		cmd.Env = append(p.env, "BPSC_DATA="+data, fmt.Sprintf("BPSC_PORT=%d", p.bases[i]))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
	}
}

const marker = "@@ "

// onItsOwn is what a document presumes that starts no cluster by itself.
const onItsOwn = "scripts/cluster.sh up --every 1s\neval \"$(scripts/cluster.sh env)\"\n"

func runBlocks(t *testing.T, script []*block) {
	p := newPlace(t)
	var text strings.Builder
	text.WriteString("set -eE -o pipefail\ntrap 'echo \"" + marker + "$BASH_COMMAND\"' ERR\n")
	if !strings.Contains(strings.Join(script[0].commands(), "\n"), "cluster.sh up") {
		text.WriteString(onItsOwn)
	}
	for _, b := range script {
		fmt.Fprintf(&text, "echo '%s%s'\n", marker, b.at())
		for _, c := range b.commands() {
			text.WriteString(p.ports.Replace(c) + "\n")
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-c", text.String())
	var out bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.env, &out, &out
	cmd.WaitDelay = time.Second // members that it starts have its output no longer, but would
	if err := cmd.Run(); err != nil {
		t.Fatalf("%v, of %s: %s", err, lastOf(out.String()), out.String())
	}
}

var told = regexp.MustCompile(`(?m)^` + marker + `(.*)$`)

// lastOf is the block, and the command, at which a run ended.
func lastOf(output string) string {
	all := told.FindAllStringSubmatch(output, -1)
	var names []string
	for _, found := range all[max(0, len(all)-2):] {
		names = append(names, found[1])
	}
	return strings.Join(names, ", ")
}

// A command that does not work is found, with where it stands.
func TestACommandThatFailsIsFound(t *testing.T) {
	cmd := exec.Command("bash", "-c", "set -eE -o pipefail\ntrap 'echo \""+marker+"$BASH_COMMAND\"' ERR\necho '"+marker+"a.md:3'\nfalse --of 1 | cat\necho never\n")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, lastOf(string(out)), "a.md:3")
	require.NotContains(t, string(out), "never")
}
