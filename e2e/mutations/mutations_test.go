package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// repository is this module as the lists mean it.
func repository(t *testing.T) (tree, []mutation) {
	t.Helper()
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	list, err := readLists(".")
	require.NoError(t, err)
	return tree{root: root, scratch: t.TempDir()}, list
}

// Whoever changes a line that a mutation breaks, or renames a test, learns it at once and
// not when somebody runs all of them.
func TestTheLinesAndTestsOfTheListsAreThere(t *testing.T) {
	repo, list := repository(t)
	folders := map[string]string{"": repo.root}
	for _, m := range list {
		if folders[m.Module] == "" {
			folder, err := repo.module(t.Context(), m.Module)
			require.NoError(t, err)
			folders[m.Module] = folder
		}
		source, err := os.ReadFile(filepath.Join(folders[m.Module], filepath.FromSlash(m.File)))
		require.NoError(t, err, m.Name)
		_, err = m.apply(string(source))
		require.NoError(t, err, m.Name)
		require.True(t, hasTest(t, filepath.Join(repo.root, filepath.FromSlash(m.Folder)), m.Test), "%s: %s has no %s", m.Name, m.Folder, m.Test)
	}
}

func hasTest(t *testing.T, folder, test string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if strings.Contains(string(text), "\nfunc "+test+"(t *testing.T)") {
			return true
		}
	}
	return false
}

func TestEachCheckIsBrokenBySomething(t *testing.T) {
	_, list := repository(t)
	broken := map[string]int{}
	for _, m := range list {
		broken[m.Check]++
	}
	for check, promise := range checks {
		require.NotZero(t, broken[check], "nothing breaks %s: %s", check, promise)
	}
	require.GreaterOrEqual(t, len(list), 20)
}

func TestWhatATestHasPrinted(t *testing.T) {
	for output, want := range map[string]verdict{
		"=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n":                                  passed,
		"=== RUN   TestA\n    a_test.go:1: no\n--- FAIL: TestA (0.00s)\nFAIL\n":             failed,
		"--- FAIL: TestAB (0.00s)\n--- PASS: TestA (0.00s)\nFAIL\n":                         passed,
		"=== RUN   TestA\n--- SKIP: TestA (0.00s)\nPASS\n":                                  skipped,
		"testing: warning: no tests to run\nPASS\n":                                         absent,
		"=== RUN   TestA\n--- FAIL: TestA (0.00s)\npanic: boom [recovered]\n":               crashed,
		"=== RUN   TestA\nfatal error: all goroutines are asleep - deadlock!\n":             crashed,
		"=== RUN   TestA\npanic: test timed out after 1s\nrunning tests:\n\tTestA (1s)\n":   hung,
		"=== RUN   TestA\n=== RUN   TestA/b\n    --- FAIL: TestA (0.00s)\nsignal: killed\n": absent,
	} {
		require.Equal(t, want, judge("TestA", output), output)
	}
}

func TestListsThatSayTooLittle(t *testing.T) {
	const whole = "name\n  check once\n  breaks x\n  file a.go\n  - a\n  + b\n  test a TestA\n"
	list, err := parse("# for people\n\n" + whole)
	require.NoError(t, err)
	require.Len(t, list, 1)
	for _, spoilt := range []string{
		"  check once\n" + whole,
		strings.Replace(whole, "once", "twice", 1),
		strings.Replace(whole, "  file a.go\n", "", 1),
		strings.Replace(whole, "a.go", "a_test.go", 1),
		strings.Replace(whole, "+ b", "+ a", 1),
		strings.Replace(whole, " TestA", "", 1),
		whole + "  within soon\n",
		whole + "  within -1s\n",
		whole + "  shows itself\n",
		whole + "  because of that\n",
	} {
		_, err := parse(spoilt)
		require.Error(t, err, spoilt)
	}
}

func TestWhichLineIsBroken(t *testing.T) {
	const source = "func a() {\n\treturn 1\n}\n\nfunc b() {\n\treturn 1\n\treturn 2\n}\n"
	for _, c := range []struct{ below, old, want string }{
		{"", "return 2", "func a() {\n\treturn 1\n}\n\nfunc b() {\n\treturn 1\n\tbroken\n}\n"},
		{"func b() {", "return 1", "func a() {\n\treturn 1\n}\n\nfunc b() {\n\tbroken\n\treturn 2\n}\n"},
		{"", "return 1", ""},           // which one?
		{"", "return", ""},             // no whole line
		{"func b() {", "return 3", ""}, // none
		{"func c() {", "return 1", ""}, // below what?
	} {
		m := mutation{Below: c.below, Old: c.old, New: "broken"}
		got, err := m.apply(source)
		require.Equal(t, c.want, got)
		require.Equal(t, c.want == "", err != nil)
	}
}
