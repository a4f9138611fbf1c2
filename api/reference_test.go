package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/openapi"
	"github.com/bpsc/bpsc/api/problem"
)

// Nodes serve their own part, and pages that a browser may show and nothing else.
func TestReferenceIsServed(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	for kind, h := range map[string]http.Handler{"member": newHandler(t, newFake()), "follower": newFollower(t, newFake(), newFakeNode())} {
		rec := call(h, "GET", "/openapi.json", "")
		require.Equal(t, http.StatusOK, rec.Code)
		require.Equal(t, "application/json", rec.Header().Get("Content-Type"))
		var doc struct {
			Paths map[string]map[string]map[string]any
		}
		require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &doc))
		require.Equal(t, kind == "member", doc.Paths["/v1/cluster"] != nil)
		require.Equal(t, kind == "follower", doc.Paths["/chain2"] != nil)
		for path, item := range doc.Paths {
			for method, op := range item {
				require.Contains(t, op["x-bpsc-nodes"], any(kind), "%s %s", method, path)
			}
		}
		require.Equal(t, http.StatusNotModified, call(h, "GET", "/openapi.json", "", "If-None-Match", rec.Header().Get("ETag")).Code)
		packed := call(h, "GET", "/openapi.json", "", "Accept-Encoding", "br, gzip;q=0.5")
		require.Equal(t, "gzip", packed.Header().Get("Content-Encoding"))
		require.Less(t, 4*packed.Body.Len(), rec.Body.Len())
		require.Empty(t, call(h, "GET", "/openapi.json", "", "Accept-Encoding", "gzip;q=0, br").Header().Get("Content-Encoding"))

		page := call(h, "GET", "/docs", "")
		require.Equal(t, "text/html; charset=utf-8", page.Header().Get("Content-Type"))
		require.Contains(t, page.Header().Get("Content-Security-Policy"), "default-src 'none'; script-src 'self'")
		for _, op := range Description(map[string]openapi.Nodes{"member": openapi.Member, "follower": openapi.Follower}[kind]).Operations {
			require.Contains(t, page.Body.String(), `id="`+op.ID+`"`)
		}
		require.NotRegexp(t, `(src|href)="(https?:)?//`, page.Body.String(), "it loads nothing from elsewhere")
		for _, file := range regexp.MustCompile(`(?:src|href)="(/docs/[^"#]+)"`).FindAllStringSubmatch(page.Body.String(), -1) {
			require.Equal(t, http.StatusOK, call(h, "GET", file[1], "").Code, file[1])
		}
		if kind == "follower" {
			continue
		}
		for _, code := range problem.Codes() {
			about := call(h, "GET", openapi.ProblemPath+code, "")
			require.Equal(t, http.StatusOK, about.Code, code)
			require.Contains(t, about.Body.String(), fmt.Sprintf("<dd>%d ", problem.MeaningOf(code).Status))
			require.NotContains(t, about.Body.String(), "<dd></dd>", "%s: what to do", code)
			require.Contains(t, about.Body.String(), "<li>", "%s: where it may come from", code)
		}
		requireProblem(t, call(h, "GET", "/docs/problems/none", ""), http.StatusNotFound, "path_unknown", "")
		requireProblem(t, call(h, "GET", "/docs/none", ""), http.StatusNotFound, "path_unknown", "")
	}
}

// Links within the page lead somewhere.
func TestReferenceLinksLeadSomewhere(t *testing.T) {
	page := call(newHandler(t, newFake()), "GET", "/docs", "").Body.String()
	for _, link := range regexp.MustCompile(`href="(?:/docs)?#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		require.Contains(t, page, `id="`+link[1]+`"`)
	}
}

// What makes pages keeps the linker from leaving out what nobody calls: with html/template
// reachable, the program was a quarter larger.
func TestPagesAreMadeWithoutTemplates(t *testing.T) {
	files, err := os.ReadDir("openapi")
	require.NoError(t, err)
	for _, file := range files {
		if strings.HasSuffix(file.Name(), ".go") {
			text, err := os.ReadFile("openapi/" + file.Name())
			require.NoError(t, err)
			require.NotRegexp(t, `"(html|text)/template"`, string(text), file.Name())
		}
	}
}
