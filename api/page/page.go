// Package page is the page that a node shows to browsers: its files, as they are sent.
// They are the same for everybody and hold nothing of a ledger; what is on the page its
// modules ask the API for. See DESIGN.md and docs/adr/0062-the-page.md.
package page

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// files are app, which is ours, and lib, which scripts/vendor.sh has fetched.
//
//go:embed app lib
var files embed.FS

const shell = "app/index.html"

// Page is the files of one release. It is safe for concurrent use.
type Page struct {
	release string
	assets  map[string]*Asset
	shell   string
}

// Asset is a file as it is sent.
type Asset struct {
	Type  string // media type
	Plain []byte
	zip   func() []byte
}

// Gzip is the file compressed, which is done when somebody first asks for it.
func (a *Asset) Gzip() []byte { return a.zip() }

// types are the media types of what there may be, by the end of its name: browsers run
// no module of another one.
var types = map[string]string{
	".mjs":  "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
	".html": "text/html; charset=utf-8",
}

// New reads the files that the program holds.
func New() (*Page, error) {
	p := &Page{assets: map[string]*Asset{}}
	sum := sha256.New()
	// In the order of their names, so that all nodes of a release name it alike.
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		if err != nil {
			return err
		}
		media, ok := types[path.Ext(name)]
		if !ok {
			return fmt.Errorf("page: no media type for %s", name)
		}
		fmt.Fprintf(sum, "%s %d\n", name, len(text))
		sum.Write(text)
		p.assets[name] = newAsset(media, text)
		return nil
	})
	if err != nil {
		return nil, err
	}
	p.release = hex.EncodeToString(sum.Sum(nil)[:8])
	at := "/assets/" + p.release
	var early strings.Builder
	for _, name := range p.needed("app/main.mjs") {
		fmt.Fprintf(&early, "<link rel=\"modulepreload\" href=\"%s/%s\">\n", at, name)
	}
	p.shell = strings.NewReplacer("{{assets}}", at, "{{modules}}\n", early.String()).Replace(string(p.assets[shell].Plain))
	delete(p.assets, shell)
	return p, nil
}

// needed are the modules without which one does not run, and that one: a browser that
// knows them all at once does not ask for each when it has read who imports it. Of main.mjs they
// are what the first view waits for, and as few as that allows (docs/adr/0062-the-page.md).
func (p *Page) needed(first string) []string {
	// As modules here write it; what is imported by a call, after the first view, is not meant.
	// It begins with a word, so that all of the text is searched for that alone.
	imported := regexp.MustCompile(`from ?"(\.{1,2}/[^"]+)"`)
	names := []string{first}
	for i := 0; i < len(names); i++ {
		asset := p.assets[names[i]]
		if asset == nil {
			continue // a test looks for modules that are not there
		}
		for _, found := range imported.FindAllSubmatch(asset.Plain, -1) {
			if name := path.Join(path.Dir(names[i]), string(found[1])); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

func newAsset(media string, text []byte) *Asset {
	return &Asset{Type: media, Plain: text, zip: sync.OnceValue(func() []byte { return compress(text) })}
}

func compress(text []byte) []byte {
	var zipped bytes.Buffer
	w, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression) // a level that there is
	_, _ = w.Write(text)                                       // into memory
	_ = w.Close()
	return zipped.Bytes()
}

// Asset is the file of a release, nil where there is none: a page that another release
// has sent must not run modules of this one.
func (p *Page) Asset(release, name string) *Asset {
	if release != p.release {
		return nil
	}
	return p.assets[name]
}

// Node is what the page is told about the node that sends it.
type Node struct {
	Kind    string   // member or follower
	Version string   // of bpsc
	Peers   []string // origins of other nodes that it may ask in place of this one
}

// Shell is the HTML of the page, and the policy by which browsers keep it to this node
// and those peers. There is nothing in it that runs or that depends on an address.
func (p *Page) Shell(n Node) (text []byte, policy string) {
	peers := strings.Join(n.Peers, " ")
	text = []byte(strings.NewReplacer(
		"{{node}}", html.EscapeString(n.Kind),
		"{{version}}", html.EscapeString(n.Version),
		"{{peers}}", html.EscapeString(peers),
	).Replace(p.shell))
	return text, "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src " +
		strings.TrimSpace("'self' "+peers) + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
}
