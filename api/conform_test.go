package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/openapi"
)

// conforming is a handler whose answers are held against the description of the API: what it
// says of no operation, and what an operation says of no answer, fails the test. So does a
// request that was taken, and that the description would not have. Bodies are checked more
// strictly than clients may: a member that is not described fails, too.
func conforming(t testing.TB, h http.Handler) http.Handler {
	if _, measures := t.(*testing.B); measures {
		return h
	}
	c := &conformity{t: t, next: h}
	t.Cleanup(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.over = true
	})
	return c
}

type conformity struct {
	t    testing.TB
	next http.Handler
	mu   sync.Mutex // guards over
	over bool       // the test has ended: nobody can be told
}

func (c *conformity) wrong(r *http.Request, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.t.Errorf("the description of the API does not have it: %s %s: %s", r.Method, r.URL.Path, fmt.Sprintf(format, args...))
	}
}

// ServeHTTP implements http.Handler.
func (c *conformity) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	asked := r.Clone(r.Context()) // a handler may change it
	var sent bytes.Buffer
	if r.Body != nil && r.Body != http.NoBody {
		body := r.Body
		r.Body = struct {
			io.Reader
			io.Closer
		}{io.TeeReader(body, &sent), body}
	}
	answer := &answerWriter{ResponseWriter: w}
	c.next.ServeHTTP(answer, r) // what panics is cut off: there is no answer to look at
	if answer.status == 0 {
		answer.status = http.StatusOK
	}
	if err := described().check(asked, sent.Bytes(), answer); err != nil {
		c.wrong(asked, "%d %.300s: %.600v", answer.status, answer.body.String(), err)
	}
}

// answerWriter keeps what is answered.
type answerWriter struct {
	http.ResponseWriter
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answerWriter) WriteHeader(status int) {
	if a.status == 0 {
		a.status, a.header = status, a.Header().Clone()
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answerWriter) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.status, a.header = http.StatusOK, a.Header().Clone()
	}
	a.body.Write(p)
	return a.ResponseWriter.Write(p)
}

// Flush and Unwrap let streams be streamed.
func (a *answerWriter) Flush()                      { a.ResponseWriter.(http.Flusher).Flush() }
func (a *answerWriter) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// description is the whole description, ready to check with. It is safe for concurrent use.
type description struct {
	*openapi.Document
	routes []route

	mu       sync.Mutex // guards what follows
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema
	err      error
}

type route struct {
	*openapi.Operation
	matches *regexp.Regexp
}

var described = sync.OnceValue(func() *description {
	d := &description{Document: Description(openapi.All), compiler: jsonschema.NewCompiler(), compiled: map[string]*jsonschema.Schema{}}
	for i := range d.Operations {
		op := &d.Operations[i]
		pattern := regexp.MustCompile(`\\\{[a-z]+\\\}`).ReplaceAllString(regexp.QuoteMeta(op.Path), "[^/]+")
		if op.Slashes {
			pattern = strings.TrimSuffix(pattern, "[^/]+") + ".+"
		}
		d.routes = append(d.routes, route{op, regexp.MustCompile("^" + pattern + "$")})
	}
	// A path without parameters comes before one with.
	slices.SortStableFunc(d.routes, func(a, b route) int { return strings.Count(a.Path, "{") - strings.Count(b.Path, "{") })
	// Those with a verb behind the id come before those without.
	slices.SortStableFunc(d.routes, func(a, b route) int { return strings.Count(b.Path, "}:") - strings.Count(a.Path, "}:") })
	text, err := d.JSON()
	if err != nil {
		d.err = err
		return d
	}
	whole, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		d.err = err
		return d
	}
	root := whole.(map[string]any)
	strict(root["components"])
	for _, item := range root["paths"].(map[string]any) {
		for _, op := range item.(map[string]any) {
			answers := op.(map[string]any)["responses"].(map[string]any)
			for status, answer := range answers {
				if ref, ok := answer.(map[string]any)["$ref"].(string); ok {
					answers[status] = root["components"].(map[string]any)["responses"].(map[string]any)[path.Base(ref)]
				}
			}
			strict(answers)
		}
	}
	d.compiler.AssertFormat()
	d.err = d.compiler.AddResource("file:///openapi.json", whole)
	return d
})

// strict has objects with no other members than those that are described.
func strict(node any) {
	switch node := node.(type) {
	case map[string]any:
		if _, has := node["properties"]; has && node["type"] == "object" && node["additionalProperties"] == nil {
			node["additionalProperties"] = false
		}
		for _, inside := range node {
			strict(inside)
		}
	case []any:
		for _, inside := range node {
			strict(inside)
		}
	}
}

// find is the operation that a request is for.
func (d *description) find(method, escaped string) *openapi.Operation {
	head := method == http.MethodHead
	if head {
		method = http.MethodGet
	}
	asked := strings.NewReplacer("%3A", ":", "%3a", ":").Replace(escaped)
	for _, r := range d.routes {
		if r.Method == method && r.matches.MatchString(asked) && !(head && r.NoHead) {
			return r.Operation
		}
	}
	return nil
}

// schema is the one at a place of the document.
func (d *description) schema(place ...string) (*jsonschema.Schema, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := "file:///openapi.json#"
	for _, step := range place {
		at += "/" + strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D", " ", "%20").Replace(step)
	}
	if s := d.compiled[at]; s != nil || d.err != nil {
		return s, d.err
	}
	s, err := d.compiler.Compile(at)
	d.compiled[at] = s
	return s, err
}

// ofEveryAnswer are headers that say the same whatever is asked for; see edge.Harden and package cors.
var ofEveryAnswer = []string{"Content-Security-Policy", "Cross-Origin-Resource-Policy", "Referrer-Policy", "X-Content-Type-Options",
	"Strict-Transport-Security", "Content-Length", "Content-Type", "Content-Encoding", "Date", "Connection", "Allow", "Vary",
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers"}

// check says what an answer has that is not described.
func (d *description) check(r *http.Request, sent []byte, a *answerWriter) error {
	if ofThePage(r.Method+" "+r.URL.EscapedPath()) || r.Method == http.MethodOptions && a.status == http.StatusNoContent {
		return nil // what the page loads, and whether another member's may ask
	}
	op := d.find(r.Method, r.URL.EscapedPath())
	if op == nil {
		return d.checkUnknown(a)
	}
	header := a.header
	if header == nil {
		header = a.Header()
	}
	if err := d.checkHeaders(op, a.status, header); err != nil {
		return err
	}
	if a.status < 300 {
		if err := d.checkRequest(op, r, sent); err != nil {
			return err
		}
	}
	if header.Get("Content-Encoding") == "gzip" {
		plain, err := gzip.NewReader(bytes.NewReader(a.body.Bytes()))
		if err != nil {
			return err
		}
		a.body = bytes.Buffer{}
		if _, err := io.Copy(&a.body, plain); err != nil {
			return err
		}
	}
	if r.Method == http.MethodHead || a.status == http.StatusNotModified || a.status == http.StatusNoContent {
		return nil
	}
	return d.checkBody(op, a.status, header.Get("Content-Type"), a.body.Bytes())
}

// checkUnknown is for what no operation is for.
func (d *description) checkUnknown(a *answerWriter) error {
	if a.status < 400 {
		return errors.New("there is no such operation")
	}
	s, err := d.schema("components", "schemas", "Problem")
	if err != nil || a.body.Len() == 0 {
		return err
	}
	return validate(s, a.body.Bytes())
}

func (d *description) checkHeaders(op *openapi.Operation, status int, header http.Header) error {
	if !slices.Contains(d.Statuses(op), status) {
		return fmt.Errorf("no such status of %s", op.ID)
	}
	known := append([]string{"X-Request-Id"}, ofEveryAnswer...)
	problem := len(d.CodesOf(op, status)) > 0
	if problem {
		known = append(known, "Cache-Control", "Retry-After", "WWW-Authenticate", "Vary")
		known = append(known, op.ProblemHeaders()...)
	}
	for _, a := range op.Answers {
		if a.Status == status {
			known = append(known, a.Headers...)
		}
	}
	for i := range known {
		known[i] = http.CanonicalHeaderKey(known[i])
	}
	for name := range header {
		if !slices.Contains(known, http.CanonicalHeaderKey(name)) {
			return fmt.Errorf("no header %s of %s %d", name, op.ID, status)
		}
	}
	return nil
}

func (d *description) checkBody(op *openapi.Operation, status int, given string, body []byte) error {
	if given == "" {
		given = http.DetectContentType(body) // as net/http does
	}
	mediaType, _, err := mime.ParseMediaType(given)
	if err != nil {
		return fmt.Errorf("%w: %q", err, given)
	}
	switch mediaType {
	case "application/json", "application/problem+json":
		s, err := d.schema("paths", op.Path, strings.ToLower(op.Method), "responses", strconv.Itoa(status), "content", mediaType, "schema")
		if err != nil {
			return err
		}
		return validate(s, body)
	}
	for _, a := range op.Answers {
		for _, c := range a.Content {
			if known, _, _ := mime.ParseMediaType(c.Type); a.Status == status && known == mediaType {
				return nil
			}
		}
	}
	return fmt.Errorf("no %s of %s", given, op.ID)
}

// checkRequest holds what was taken against what the description has clients send.
func (d *description) checkRequest(op *openapi.Operation, r *http.Request, sent []byte) error {
	lenient := !strings.HasPrefix(op.Path, "/v1/") // as the routes are
	for name := range r.URL.Query() {
		if !lenient && !slices.ContainsFunc(op.Query, func(p *openapi.Parameter) bool { return p.Name == name }) {
			return fmt.Errorf("no ?%s= of %s", name, op.ID)
		}
	}
	if op.Body == nil || len(sent) == 0 && op.Body.Optional {
		return nil
	}
	s, err := d.schema("paths", op.Path, strings.ToLower(op.Method), "requestBody", "content", "application/json", "schema")
	if err != nil {
		return err
	}
	if op.ID == "tutorialTransfer" && bytes.Contains(sent, []byte(`"signature"`)) {
		if s, err = d.schema("components", "schemas", "Transaction"); err != nil {
			return err
		}
	}
	if err := validate(s, sent); err != nil && op.ID != "submitBatch" { // of a batch each item has an answer of its own
		return fmt.Errorf("the request, which was taken: %w", err)
	}
	return nil
}

func validate(s *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("it is no JSON: %w", err)
	}
	return s.Validate(value)
}

// unchecked is a handler of conforming without its checks, for a test whose ledger or
// upstream says what none does.
func unchecked(h http.Handler) http.Handler { return h.(*conformity).next }

// What the checks themselves let through, and what not.
func TestWhatIsNotDescribedIsFound(t *testing.T) {
	d := described()
	require.NoError(t, d.err)
	good := call(newHandler(t, newFake()), "POST", "/v1/transactions", transferAB)
	require.Equal(t, http.StatusCreated, good.Code)
	check := func(method, path, sent string, change func(a *answerWriter)) error {
		a := &answerWriter{status: good.Code, header: good.Header().Clone()}
		a.body.Write(good.Body.Bytes())
		change(a)
		r, err := http.NewRequestWithContext(t.Context(), method, path, nil)
		require.NoError(t, err)
		return d.check(r, []byte(sent), a)
	}
	nothing := func(*answerWriter) {}
	replace := func(old, with string) func(a *answerWriter) {
		return func(a *answerWriter) {
			text := strings.Replace(a.body.String(), old, with, 1)
			require.NotEqual(t, a.body.String(), text)
			a.body.Reset()
			a.body.WriteString(text)
		}
	}
	require.NoError(t, check("POST", "/v1/transactions", transferAB, nothing))
	for name, tc := range map[string]struct {
		method, path, sent string
		change             func(a *answerWriter)
		want               string
	}{
		"a path":             {"POST", "/v1/nowhere", transferAB, nothing, "no such operation"},
		"a status":           {"POST", "/v1/transactions", transferAB, func(a *answerWriter) { a.status = 202 }, "no such status"},
		"a header":           {"POST", "/v1/transactions", transferAB, func(a *answerWriter) { a.header.Set("X-New", "1") }, "X-New"},
		"a header of others": {"GET", "/v1/cluster", "", func(a *answerWriter) { problemIn(a, 404, "not_here"); a.header.Set("ETag", "x") }, "Etag"},
		"a form":             {"POST", "/v1/transactions", transferAB, func(a *answerWriter) { a.header.Set("Content-Type", "text/html") }, "text/html"},
		"a member":           {"POST", "/v1/transactions", transferAB, replace(`"status"`, `"state"`), "status"},
		"one more member":    {"POST", "/v1/transactions", transferAB, replace(`"status"`, `"new":1,"status"`), "new"},
		"another type":       {"POST", "/v1/transactions", transferAB, replace(`"block":2`, `"block":"2"`), "block"},
		"a value":            {"POST", "/v1/transactions", transferAB, replace(`"final"`, `"done"`), "status"},
		"a request":          {"POST", "/v1/transactions", `{"sender":"a"}`, nothing, "request"},
		"a query":            {"POST", "/v1/transactions?new=1", transferAB, nothing, "?new="},
		"half of a text":     {"POST", "/v1/transactions", transferAB, func(a *answerWriter) { a.body.Truncate(9) }, "no JSON"},
		"a code of another":  {"GET", "/v1/cluster", "", func(a *answerWriter) { problemIn(a, 404, "hold_unknown") }, "code"},
	} {
		t.Run(name, func(t *testing.T) {
			require.ErrorContains(t, check(tc.method, tc.path, tc.sent, tc.change), tc.want)
		})
	}
	require.NoError(t, check("GET", "/v1/cluster", "", func(a *answerWriter) { problemIn(a, 404, "not_here") }))
}

// problemIn makes an answer the problem with a code.
func problemIn(a *answerWriter, status int, code string) {
	a.status = status
	a.header.Set("Content-Type", "application/problem+json")
	for _, name := range []string{"Location", "Bpsc-Min-Block"} {
		a.header.Del(name)
	}
	a.body.Reset()
	_ = json.NewEncoder(&a.body).Encode(map[string]any{"type": openapi.ProblemPath + code, "title": "t", "status": status, "detail": "d", "code": code, "retryable": false, "request_id": "r"})
}
