package docs

import (
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var (
	link     = regexp.MustCompile(`\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	heading  = regexp.MustCompile(`(?m)^#{1,6}\s+(.*?)\s*#*$`)
	anchor   = regexp.MustCompile(`<a (?:id|name)="([^"]+)"`)
	fences   = regexp.MustCompile("(?ms)^[ \t]*```.*?^[ \t]*```[ \t]*$")
	codeSpan = regexp.MustCompile("`[^`\n]*`")
	target   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
)

// slug is the anchor that a heading has where Markdown is shown: lower case, spaces as
// dashes, and nothing but letters, digits, dashes and underscores.
func slug(title string) string {
	title = target.ReplaceAllString(title, "$1")
	var b strings.Builder
	for _, r := range strings.ToLower(title) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			b.WriteRune(r)
		case r == ' ':
			b.WriteRune('-')
		}
	}
	return b.String()
}

// anchors are those that a document has.
func anchors(text string) map[string]bool {
	text = fences.ReplaceAllString(text, "")
	found, counts := map[string]bool{}, map[string]int{}
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		name := slug(h[1])
		if n := counts[name]; n > 0 {
			found[name+"-"+string(rune('0'+n))] = true
		} else {
			found[name] = true
		}
		counts[name]++
	}
	for _, a := range anchor.FindAllStringSubmatch(text, -1) {
		found[a[1]] = true
	}
	return found
}

// broken are the relative links of a document that lead nowhere.
func broken(t *testing.T, file, whole string) (list []string) {
	t.Helper()
	text := codeSpan.ReplaceAllString(fences.ReplaceAllString(whole, ""), "")
	for _, found := range link.FindAllStringSubmatch(text, -1) {
		u, err := url.Parse(found[1])
		if err != nil {
			list = append(list, found[1])
			continue
		}
		if u.Scheme != "" || u.Host != "" {
			continue // elsewhere
		}
		to := file
		if u.Path != "" {
			to = filepath.Join(filepath.Dir(file), filepath.FromSlash(u.Path))
		}
		if _, err := os.Stat(to); err != nil {
			list = append(list, found[1])
			continue
		}
		if u.Fragment == "" || filepath.Ext(to) != ".md" {
			continue
		}
		other := whole
		if to != file {
			text, err := os.ReadFile(to)
			require.NoError(t, err)
			other = string(text)
		}
		if !anchors(other)[u.Fragment] {
			list = append(list, found[1])
		}
	}
	return list
}

// Every relative link in a Markdown file of the repository leads to a file that is there,
// and to a heading in it.
func TestLinksLeadSomewhere(t *testing.T) {
	dir, links, files := root(t), 0, 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != dir || d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == "vendor"):
			return filepath.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		links += len(link.FindAllString(string(text), -1))
		for _, l := range broken(t, path, string(text)) {
			name, _ := filepath.Rel(dir, path)
			t.Errorf("%s: the link to %s leads nowhere", name, l)
		}
		return nil
	})
	require.NoError(t, err)
	t.Logf("%d links in %d documents", links, files)
	require.Greater(t, links, 100)
}

func TestALinkThatLeadsNowhereIsFound(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "a.md")
	text := "# One `code` and *two*\n## One\n## One\n[a](a.md) [b](a.md#one-code-and-two) [c](#one-1) [d](https://example.org/x)\n" +
		"[e](missing.md) [f](a.md#three) [g](#missing)\n```\n# Four\n[h](not-a-link.md)\n```\n`[i](not-a-link.md)` [j](#four)\n"
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	require.Equal(t, []string{"missing.md", "a.md#three", "#missing", "#four"}, broken(t, file, text))
}
