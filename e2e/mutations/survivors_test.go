package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// small is a module whose tests notice one thing and not the other.
var small = map[string]string{
	"go.mod": "module example.com/small\n\ngo 1.26\n",
	"a/a.go": `package a

func Sum(a, b int) int {
	return a + b
}

func Less(a, b int) bool {
	return a < b
}
`,
	"a/a_test.go": `package a

import "testing"

func TestSum(t *testing.T) {
	if Sum(1, 2) != 3 {
		t.Fatal("1 and 2 is not 3")
	}
}

func TestLess(t *testing.T) {
	if !Less(1, 2) {
		t.Fatal("1 is not less than 2")
	}
}

func TestWrong(t *testing.T) {
	t.Fatal("always")
}
`,
}

func smallTree(t *testing.T) tree {
	t.Helper()
	root := t.TempDir()
	for name, text := range small {
		file := filepath.Join(root, filepath.FromSlash(name))
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
	}
	return tree{root: root, scratch: t.TempDir()}
}

func broken(name, old, wrong, test, shows string) mutation {
	return mutation{Name: name, Check: "once", File: "a/a.go", Old: old, New: wrong, Folder: "a", Test: test, Within: 3 * time.Second, Shows: shows}
}

// What no test notices, or a test notices in another way than by what it asserts, is not
// caught, and the tree is as it was.
func TestOnlyWhatATestAssertsIsCaught(t *testing.T) {
	const sum, less = "return a + b", "return a < b"
	repo := smallTree(t)
	var out bytes.Buffer
	err := repo.all(t.Context(), []mutation{
		broken("seen", sum, "return a - b", "TestSum", asserts),
		broken("unseen", less, "return a <= b", "TestLess", asserts),
		broken("no-go", sum, "return a +", "TestSum", asserts),
		broken("panics", sum, `panic("no")`, "TestSum", asserts),
		broken("panics-as-it-should", sum, `panic("no")`, "TestSum", panics),
		broken("hangs", sum, "select {}", "TestSum", asserts),
		broken("hangs-as-it-should", sum, "for {}", "TestSum", hangs),
		broken("moved", "return a * b", "return 0", "TestSum", asserts),
	}, &out)
	require.ErrorIs(t, err, errSurvivors)
	for name, result := range map[string]string{
		"seen": "caught", "unseen": "SURVIVED", "no-go": "NO BUILD", "panics": "CRASHED", "panics-as-it-should": "caught",
		"hangs": "HUNG", "hangs-as-it-should": "caught", "moved": "ERROR",
	} {
		require.Regexp(t, regexp.MustCompile(`(?m)^`+name+` +once +a Test\w+ +`+result+` `), out.String())
	}
	require.Contains(t, out.String(), "8 mutations, 3 caught, 1 survived, 4 could not be judged")
	for name, text := range small {
		now, err := os.ReadFile(filepath.Join(repo.root, filepath.FromSlash(name)))
		require.NoError(t, err)
		require.Equal(t, text, string(now))
	}
}

// A test that fails anyway, or is not there, says nothing about a mutation.
func TestTestsHaveToPassWithoutAMutation(t *testing.T) {
	for _, test := range []string{"TestWrong", "TestNobody"} {
		var out bytes.Buffer
		err := smallTree(t).all(t.Context(), []mutation{broken("m", "return a + b", "return a - b", test, asserts)}, &out)
		require.ErrorContains(t, err, "on the tree as it is")
		require.NotContains(t, out.String(), "mutations")
	}
}

func TestAllCaughtIsNoError(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, smallTree(t).all(t.Context(), []mutation{broken("seen", "return a + b", "return a - b", "TestSum", asserts)}, &out))
	require.Contains(t, out.String(), "1 mutations, 1 caught, 0 survived")
}

func TestWhichMutations(t *testing.T) {
	all := []mutation{{Name: "a"}, {Name: "b"}, {Name: "c"}}
	some, err := chosen(all, "c,a")
	require.NoError(t, err)
	require.Equal(t, []mutation{{Name: "c"}, {Name: "a"}}, some)
	_, err = chosen(all, "d")
	require.ErrorContains(t, err, "--list")
}
