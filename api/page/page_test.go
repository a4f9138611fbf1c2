package page

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxCompressed is what all of the page may come to on its way: a second of a slow line.
const maxCompressed = 200 << 10

func TestThePageIsSmall(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	size := len(p.shell)
	for name, asset := range p.assets {
		if path.Ext(name) == ".txt" {
			continue // no page asks for licences
		}
		r, err := gzip.NewReader(bytes.NewReader(asset.Gzip()))
		require.NoError(t, err)
		plain, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(asset.Plain, plain), name)
		size += len(asset.Gzip())
	}
	t.Logf("%d bytes compressed", size)
	require.Less(t, size, maxCompressed)
}

// What is in lib is what scripts/vendor.sh has put there, all of it and nothing else.
func TestLibrariesAreAsTheyCame(t *testing.T) {
	list, err := os.Open("lib.sha256")
	require.NoError(t, err)
	defer list.Close()
	known := map[string]string{}
	for lines := bufio.NewScanner(list); lines.Scan(); {
		sum, name, ok := strings.Cut(lines.Text(), "  ")
		require.True(t, ok)
		known[name] = sum
	}
	require.NotEmpty(t, known)
	require.NoError(t, fs.WalkDir(files, "lib", func(name string, d fs.DirEntry, err error) error {
		require.NoError(t, err)
		if d.IsDir() {
			return nil
		}
		text, err := files.ReadFile(name)
		require.NoError(t, err)
		sum := sha256.Sum256(text)
		require.Equal(t, known[name], hex.EncodeToString(sum[:]), "%s is changed by scripts/vendor.sh only", name)
		delete(known, name)
		return nil
	}))
	require.Empty(t, known)
}

// Each module imports what is there, by a relative name: browsers know no other, and
// nothing comes from another host.
func TestModulesImportWhatIsThere(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	imports := regexp.MustCompile(`(?:\bfrom\s*|\bimport\s*\(?\s*)"([^"\s]+)"`)
	for name, asset := range p.assets {
		if path.Ext(name) != ".mjs" {
			continue
		}
		for _, found := range imports.FindAllSubmatch(asset.Plain, -1) {
			target := string(found[1])
			require.True(t, strings.HasPrefix(target, "./") || strings.HasPrefix(target, "../"), "%s imports %s", name, target)
			require.Contains(t, p.assets, path.Join(path.Dir(name), target), "%s imports %s", name, target)
		}
	}
}

// maxFirst is how many modules the first view may wait for: a browser fetches six at a time, and
// what they hold weighs less than how many they are.
const maxFirst = 30

// A browser hears of all modules at once that the first view needs, and of no others: those it
// fetches afterwards, where a module that it has imports them by a call.
func TestTheShellNamesWhatTheFirstViewNeeds(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	text, _ := p.Shell(Node{})
	first := p.needed("app/main.mjs")
	t.Logf("%d modules before the first view", len(first))
	require.LessOrEqual(t, len(first), maxFirst)
	afterwards := regexp.MustCompile(`\bimport\("([^"]+)"\)`)
	here := slices.Clone(first)
	for i := 0; i < len(here); i++ {
		for _, found := range afterwards.FindAllSubmatch(p.assets[here[i]].Plain, -1) {
			for _, name := range p.needed(path.Join(path.Dir(here[i]), string(found[1]))) {
				if !slices.Contains(here, name) {
					here = append(here, name)
				}
			}
		}
	}
	for name := range p.assets {
		if path.Ext(name) == ".mjs" {
			require.Equal(t, slices.Contains(first, name), strings.Contains(string(text), "/"+name+`"`), name)
			require.Contains(t, here, name, "nothing imports it")
		}
	}
}

func TestTheShellNamesNothingButItsFiles(t *testing.T) {
	p, err := New()
	require.NoError(t, err)
	text, policy := p.Shell(Node{Kind: "member", Version: `1"><script>`, Peers: []string{"http://10.0.0.1:5000", "http://10.0.0.2:5000"}})
	for _, address := range regexp.MustCompile(`(?:src|href)="(/assets/[^"]*)"`).FindAllSubmatch(text, -1) {
		release, name, _ := strings.Cut(strings.TrimPrefix(string(address[1]), "/assets/"), "/")
		require.NotNil(t, p.Asset(release, name), string(address[1]))
	}
	require.NotContains(t, string(text), "{{")
	require.NotContains(t, string(text), `1"><script>`)
	require.NotContains(t, string(text), "<style")
	require.NotRegexp(t, `<script(?: [a-z]+="[^"]*")*>[^<]`, string(text), "a script in it would need another policy")
	require.Contains(t, policy, "connect-src 'self' http://10.0.0.1:5000 http://10.0.0.2:5000;")
	require.NotContains(t, policy, "unsafe")
	require.Nil(t, p.Asset("0123456789abcdef", "app/main.mjs"), "of another release")
	require.Nil(t, p.Asset(p.release, "../page.go"))
}
