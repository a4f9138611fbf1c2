package openapi

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"path"
	"strings"
	"sync"
)

// sources are what the pages load.
//
//go:embed pages
var sources embed.FS

// Page is what a node serves of its description.
type Page struct {
	Type   string // Content-Type
	Policy string // Content-Security-Policy; "" where it is no page for people
	Tag    string // ETag
	Body   []byte
	Packed []byte // the same in gzip
}

// policy lets a page load what this node serves, and nothing else: no line of it runs that
// is not in its own script.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Pages make pages when they are asked for, and keep them. It is safe for concurrent use.
type Pages struct {
	doc *Document

	mu   sync.Mutex // guards made
	made map[string]*Page
}

// Pages are those of a document.
func (d *Document) Pages() *Pages { return &Pages{doc: d, made: map[string]*Page{}} }

// Page is the page at a path; nil where there is none.
func (p *Pages) Page(at string) (*Page, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if page := p.made[at]; page != nil {
		return page, nil
	}
	page, err := p.make(at)
	if err != nil || page == nil {
		return nil, err
	}
	sum := sha256.Sum256(page.Body)
	page.Tag = `"` + hex.EncodeToString(sum[:16]) + `"`
	page.Packed, err = pack(page.Body)
	p.made[at] = page
	return page, err
}

func (p *Pages) make(at string) (page *Page, err error) {
	code, ofProblem := strings.CutPrefix(at, ProblemPath)
	switch {
	case at == "/openapi.json":
		page = &Page{Type: typeJSON}
		page.Body, err = p.doc.JSON()
	case at == "/docs":
		page = readable(p.doc.reference())
	case ofProblem:
		about, known := p.doc.byCode[code]
		if !known {
			return nil, nil
		}
		page = readable(p.doc.explained(about))
	case at == "/docs/docs.css":
		page = &Page{Type: "text/css; charset=utf-8"}
		page.Body, err = sources.ReadFile(path.Join("pages", path.Base(at)))
	case at == "/docs/docs.mjs":
		page = &Page{Type: "text/javascript; charset=utf-8"}
		page.Body, err = sources.ReadFile(path.Join("pages", path.Base(at)))
	}
	return page, err
}

// readable is a page for people.
func readable(text string) *Page {
	return &Page{Type: "text/html; charset=utf-8", Policy: policy, Body: []byte(text)}
}

func pack(body []byte) ([]byte, error) {
	var out bytes.Buffer
	w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(body)
	}
	if err == nil {
		err = w.Close()
	}
	return out.Bytes(), err
}
