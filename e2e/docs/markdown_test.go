// Package docs tests what is written: that the commands in README.md and docs/*.md work,
// in their order, and that links lead somewhere. What it demands of Markdown:
//
//   - A block of commands is marked sh, all of whose lines are commands, or console, whose
//     commands have "$ " before them and may be followed by what they print.
//   - One whose commands cannot be run here begins with a line "# not tested: WHY", which
//     readers see as well.
//   - A block that is marked otherwise has no commands, and one that is not marked has no
//     line that looks like one.
package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// block is a fenced block of a document.
type block struct {
	file  string // from the root of the repository
	line  int    // of its first line
	kind  string // what stands behind the fence
	lines []string
}

const notTested = "# not tested: "

func (b *block) at() string { return fmt.Sprintf("%s:%d", b.file, b.line) }

// untested says why its commands are not run, "" where they are.
func (b *block) untested() string {
	if len(b.lines) == 0 {
		return ""
	}
	why, _ := strings.CutPrefix(b.lines[0], notTested)
	if why == b.lines[0] {
		return ""
	}
	return why
}

// commands are its commands, each as the lines that a shell takes, nil where it has none.
func (b *block) commands() (list []string) {
	switch b.kind {
	case "sh":
		return []string{strings.Join(b.lines, "\n")}
	case "console":
		goesOn := false
		for _, line := range b.lines {
			command, is := strings.CutPrefix(line, "$ ")
			switch {
			case is:
				list = append(list, command)
			case goesOn:
				list[len(list)-1] += "\n" + line
			default:
				continue
			}
			goesOn = strings.HasSuffix(line, `\`)
		}
	}
	return list
}

// root is the folder of the repository.
func root(t *testing.T) string {
	t.Helper()
	dir, err := harness.Root()
	require.NoError(t, err)
	return dir
}

// documents are the files whose commands are run.
func documents(t *testing.T) []string {
	t.Helper()
	dir := root(t)
	files, err := filepath.Glob(filepath.Join(dir, "docs", "*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	generated := filepath.Join(dir, "docs", "cli.md") // a test of cmd/bpsc holds its examples
	files = slices.DeleteFunc(files, func(file string) bool { return file == generated })
	return append([]string{filepath.Join(dir, "README.md")}, files...)
}

// blocks reads the fenced blocks of a file.
func blocks(t *testing.T, file string) (list []*block) {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	name, err := filepath.Rel(root(t), file)
	require.NoError(t, err)
	list, err = parse(name, string(text))
	require.NoError(t, err)
	return list
}

func parse(name, text string) (list []*block, err error) {
	var open *block
	for i, line := range strings.Split(text, "\n") {
		kind, fence := strings.CutPrefix(strings.TrimSpace(line), "```")
		switch {
		case fence && open == nil:
			open = &block{file: name, line: i + 2, kind: kind}
		case fence && kind == "":
			list, open = append(list, open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		}
	}
	if open != nil {
		err = fmt.Errorf("%s: the block does not end", open.at())
	}
	return list, err
}

var likeACommand = regexp.MustCompile(`^(\$ |bpsc [a-z]|scripts/|curl |make |systemctl |docker |kubectl )`)

// misplaced are the lines of a block that look like commands where none are to be.
func (b *block) misplaced() (lines []string) {
	if b.kind != "" {
		return nil
	}
	for _, line := range b.lines {
		if likeACommand.MatchString(line) {
			lines = append(lines, line)
		}
	}
	return lines
}

// silent are the requests of a block that nobody would see fail: curl ends well whatever the
// answer is, unless it has -f. One whose answer is to be an error says so behind a #.
func (b *block) silent() (lines []string) {
	for _, c := range b.commands() {
		for line := range strings.SplitSeq(c, "\n") {
			if request.MatchString(line) && !failing.MatchString(line) && !meantToFail.MatchString(line) {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

var (
	request     = regexp.MustCompile(`\bcurl `)
	failing     = regexp.MustCompile(`\bcurl (-\S+ )*-[a-zA-Z]*f`)
	meantToFail = regexp.MustCompile(`# [45]\d\d\b`)
)

func TestARequestThatFailsInSilenceIsFound(t *testing.T) {
	b := &block{kind: "sh", lines: []string{"curl -s h/a", "curl -fsS h/b", "curl -s h/c   # 404: nothing", "echo curling", "x=$(curl h/d)"}}
	require.Equal(t, []string{"curl -s h/a", "x=$(curl h/d)"}, b.silent())
}

func TestBlocksAreReadAsTheyAreMarked(t *testing.T) {
	list, err := parse("a.md", "text\n```sh\none \\\n  more\ntwo\n```\n```console\n$ three \\\n  more\nprinted\n$ four\n```\n"+
		"```console\n# not tested: no network\n$ five\n```\n```\n$ six\n```\n```text\n$ seven\n```\n")
	require.NoError(t, err)
	require.Len(t, list, 5)
	require.Equal(t, []string{"one \\\n  more\ntwo"}, list[0].commands())
	require.Equal(t, "a.md:3", list[0].at())
	require.Equal(t, []string{"three \\\n  more", "four"}, list[1].commands())
	require.Empty(t, list[1].untested())
	require.Equal(t, "no network", list[2].untested())
	require.Equal(t, []string{"$ six"}, list[3].misplaced())
	require.Empty(t, list[4].misplaced())
	_, err = parse("a.md", "```sh\n")
	require.Error(t, err)
}
