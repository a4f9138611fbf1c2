// Package openapi describes the API of a node: one value for each operation, from which come
// the OpenAPI document that nodes serve, its pages for people, and the collection for Postman.
// It serves no request and validates none: the handlers of package api do that by hand, and
// the tests there hold every answer of theirs against this description. See
// docs/adr/0065-one-description-of-the-api.md.
package openapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/bpsc/bpsc/internal/protocol"
)

// version is that of the API and not of the program: it is what /v1 promises.
const version = "1.0.0"

// introduction is what the document says before its operations, in CommonMark.
const introduction = `The API of a node of a block producer smart contract (BPSC): a token ledger with exactly one writer, replicated over the members of a cluster. Followers, nodes outside the cluster, have a verified copy and hand writes on.

**Amounts** are numbers of tokens, with as many places as the contract has. In requests they may be texts, too. They are decimals and never pass through a float here.

**Exactly once.** Each transaction has an id: of a signed one the SHA-256 of what is signed, of an open one that of the ` + "`Idempotency-Key`" + `. Sent again it gets the first answer. 503 means that it did not happen, 504 that it may have: send the same again.

**How new an answer is.** ` + "`?consistency=`, `?min_index=` and `?min_block=`" + ` ask for it, ` + "`Bpsc-Applied-Index` and `Bpsc-Last-Contact`" + ` say it.

**Problems** are RFC 9457 with a stable ` + "`code`" + `; their ` + "`type`" + ` is the address of a page about it on the node. What cannot be read as a request is refused before it is one, with a line of text: 400 and 505 (no HTTP/1.1), 417 (` + "`Expect`" + `), 431 (a header of more than 36 KiB), 501 (an unknown transfer coding).

**What later versions may add**: operations, members of answers, values of ` + "`code`" + `, headers, optional members of requests. Nothing of /v1 goes, and nothing gets another meaning.

` + "`HEAD`" + ` is answered wherever ` + "`GET`" + ` is and changes nothing. Every answer says to browsers that it is data: it has a Content-Security-Policy, and is for pages of the node itself and, where it is read from a member, of the other members.`

// Document is the description of what some kinds of nodes serve.
type Document struct {
	Nodes      Nodes
	Operations []Operation
	Problems   []Problem // all codes, in order
	byCode     map[string]Problem
}

// New describes what nodes of these kinds serve, whose problems these are.
func New(nodes Nodes, problems []Problem) *Document {
	d := &Document{Nodes: nodes, Problems: problems, byCode: map[string]Problem{}}
	for _, p := range problems {
		d.byCode[p.Code] = p
	}
	for _, op := range operations() {
		if op.Nodes&nodes == 0 {
			continue
		}
		op.Codes = slices.Concat(ofAnything, op.Codes)
		slices.Sort(op.Codes)
		op.Codes = slices.Compact(op.Codes)
		op.Query, op.Headers = of(op.Query, nodes), of(op.Headers, nodes)
		op.Answers = slices.DeleteFunc(slices.Clone(op.Answers), func(a Answer) bool { return a.Nodes != 0 && a.Nodes&nodes == 0 })
		d.Operations = append(d.Operations, op)
	}
	return d
}

// JSON is the document.
func (d *Document) JSON() ([]byte, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	err := enc.Encode(d.document())
	return out.Bytes(), err
}

func (d *Document) document() members {
	components := members{
		{"schemas", schemas(d.Problems)},
		{"responses", d.refusals()},
		{"headers", headers()},
		{"securitySchemes", members{{"token", members{
			{"type", "http"}, {"scheme", "bearer"},
			{"description", "A token of the cluster (`bpsc token create`), or the operator's secret. Its roles are `read`, `submit` and `operate`, which includes the others. " +
				"Which of the first two need a token at all is a setting of the node; on a machine of its own, for trying out, none does. Never put it into an address."},
		}}}},
	}
	var list []members
	for _, tag := range tags {
		if slices.ContainsFunc(d.Operations, func(op Operation) bool { return op.Tag == tag.name }) {
			list = append(list, members{{"name", tag.name}, {"description", tag.about}})
		}
	}
	return members{
		{"openapi", "3.1.0"},
		{"info", members{{"title", "bpsc"}, {"version", version}, {"summary", "A token ledger with exactly one writer that does not die."}, {"description", introduction},
			{"license", members{{"name", "Apache License 2.0"}, {"identifier", "Apache-2.0"}}}}},
		{"servers", []members{{{"url", "/"}, {"description", "The node that serves this document."}}}},
		{"tags", list},
		{"paths", d.paths()},
		{"components", components},
	}
}

func headers() (all members) {
	for _, h := range answerHeaders {
		s := *h.value.(*Schema)
		doc := s.Description
		s.Description = ""
		all.set(h.name, members{{"description", doc}, {"schema", &s}})
	}
	return all
}

func (d *Document) paths() (paths members) {
	var order []string
	byPath := map[string]members{}
	for i := range d.Operations {
		op := &d.Operations[i]
		if byPath[op.Path] == nil {
			order = append(order, op.Path)
		}
		byPath[op.Path] = append(byPath[op.Path], member{strings.ToLower(op.Method), d.operation(op)})
	}
	for _, path := range order {
		paths.set(path, byPath[path])
	}
	return paths
}

func (d *Document) operation(op *Operation) members {
	o := members{{"operationId", op.ID}, {"tags", []string{op.Tag}}, {"summary", op.Summary}}
	if text := op.text(); text != "" {
		o.set("description", text)
	}
	o.set("x-bpsc-nodes", op.Nodes.names())
	if op.Instead != "" {
		o.set("x-bpsc-instead", op.Instead)
	}
	if list := op.parameters(); len(list) > 0 {
		o.set("parameters", list)
	}
	if op.Body != nil {
		content := members{{"schema", op.Body.Schema}}
		if examples := op.examples("request", "json", d.Nodes); len(examples) > 0 {
			content.set("examples", examples)
		}
		body := members{{"required", !op.Body.Optional}, {"content", members{{typeJSON, content}}}}
		if op.Body.About != "" {
			body = append(members{{"description", op.Body.About}}, body...)
		}
		o.set("requestBody", body)
	}
	o.set("responses", d.responses(op))
	security := []members{}
	if op.Role != "" {
		security = append(security, members{{"token", []string{op.Role}}}, members{})
	}
	o.set("security", security)
	return o
}

// text is what there is to say about an operation beside its summary.
func (op *Operation) text() string {
	parts := []string{}
	if op.About != "" {
		parts = append(parts, op.About)
	}
	if op.Instead != "" {
		parts = append(parts, "New programs call `"+op.Instead+"`.")
	}
	if op.Role != "" {
		parts = append(parts, "Needs the role `"+op.Role+"`"+map[string]string{"read": ", where the node asks for one.", "submit": ", where the node asks for one.", "operate": "."}[op.Role])
	}
	return strings.Join(parts, "\n\n")
}

func (op *Operation) parameters() (list []members) {
	for _, group := range []struct {
		in   string
		from []*Parameter
	}{{"path", op.InPath}, {"query", op.Query}, {"header", op.Headers}} {
		for _, p := range group.from {
			s := *p.Schema
			doc := s.Description
			if s.Ref == "" {
				s.Description = ""
			} else {
				s = Schema{Ref: s.Ref}
			}
			m := members{{"name", p.Name}, {"in", group.in}}
			if group.in == "path" {
				m.set("required", true)
			}
			if doc != "" {
				m.set("description", doc)
			}
			list = append(list, append(m, member{"schema", &s}))
		}
	}
	return list
}

// Statuses are those that an operation answers with, in order.
func (d *Document) Statuses(op *Operation) (list []int) {
	for _, a := range op.Answers {
		list = append(list, a.Status)
	}
	for _, code := range op.Codes {
		list = append(list, d.byCode[code].Status)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// CodesOf are the codes with which an operation answers under a status.
func (d *Document) CodesOf(op *Operation, status int) (list []string) {
	for _, code := range op.Codes {
		if d.byCode[code].Status == status {
			list = append(list, code)
		}
	}
	return list
}

func (d *Document) responses(op *Operation) (all members) {
	for _, status := range d.Statuses(op) {
		if op.onlyRefuses(status) {
			all.set(statusText(status), members{{"$ref", "#/components/responses/" + refusal(status, d.CodesOf(op, status), op.ProblemHeaders())}})
		} else {
			all.set(statusText(status), d.response(op, status))
		}
	}
	return all
}

// onlyRefuses tells of a status that it is one of problems only. Many operations have the
// same of them, which stand in the document once.
func (op *Operation) onlyRefuses(status int) bool {
	return !slices.ContainsFunc(op.Answers, func(a Answer) bool { return a.Status == status }) &&
		len(op.examples(statusText(status), "json", All)) == 0
}

// ProblemHeaders are those that the problems of an operation may have beside what all have.
func (op *Operation) ProblemHeaders() []string {
	var list []string
	for _, a := range op.Answers {
		list = append(list, a.Headers...)
	}
	list = append(slices.DeleteFunc(list, func(name string) bool { return !slices.Contains(ofEither, name) }), op.Besides...)
	slices.Sort(list)
	return slices.Compact(list)
}

// refusal names a set of codes, and the headers with them, by what is in it.
func refusal(status int, codes, headers []string) string {
	sum := sha256.Sum256([]byte(strings.Join(slices.Concat(codes, headers), " ")))
	return "problem-" + statusText(status) + "-" + hex.EncodeToString(sum[:3])
}

// refusals are the answers that onlyRefuses tells of, in the order of their names.
func (d *Document) refusals() (all members) {
	for i := range d.Operations {
		op := &d.Operations[i]
		for _, status := range d.Statuses(op) {
			if name := refusal(status, d.CodesOf(op, status), op.ProblemHeaders()); op.onlyRefuses(status) && all.get(name) == nil {
				all.set(name, d.response(op, status))
			}
		}
	}
	slices.SortFunc(all, func(a, b member) int { return strings.Compare(a.name, b.name) })
	return all
}

func (d *Document) response(op *Operation, status int) members {
	var words, names []string
	var content members
	for _, a := range op.Answers {
		if a.Status != status {
			continue
		}
		words = append(words, a.About)
		names = append(names, a.Headers...)
		for _, c := range a.Content {
			content = op.form(content, c, status, d.Nodes)
		}
	}
	if list := d.CodesOf(op, status); len(list) > 0 {
		words = append(words, d.explain(list))
		names = append(names, slices.Concat(ofProblem, op.ProblemHeaders())...)
		if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
			names = append(names, "Retry-After")
		}
		if status == http.StatusUnauthorized || status == http.StatusForbidden {
			names = append(names, "WWW-Authenticate")
		}
		schema := &Schema{AllOf: []*Schema{named("Problem"), {Properties: members{{"code", &Schema{Enum: list}}}}}}
		content = op.form(content, Content{typeProblem, schema}, status, d.Nodes)
	}
	names = append(names, protocol.RequestID)
	slices.Sort(names)
	var refs members
	for _, name := range slices.Compact(names) {
		refs.set(name, members{{"$ref", "#/components/headers/" + name}})
	}
	r := members{{"description", strings.Join(words, "\n\n")}, {"headers", refs}}
	if len(content) > 0 {
		r.set("content", content)
	}
	return r
}

// form adds a form to an answer: beside another one of that type, it is either of them.
func (op *Operation) form(content members, c Content, status int, nodes Nodes) members {
	for i := range content {
		if content[i].name == c.Type {
			m := content[i].value.(members)
			m[0].value = anyOf("", m[0].value.(*Schema), c.Schema)
			return content
		}
	}
	m := members{{"schema", c.Schema}}
	if examples := op.examples(strconv.Itoa(status), extension(c.Type), nodes); len(examples) > 0 {
		m.set("examples", examples)
	}
	return append(content, member{c.Type, m})
}

func (d *Document) explain(codes []string) string {
	lines := make([]string, len(codes))
	for i, code := range codes {
		lines[i] = "- `" + code + "`: " + d.byCode[code].Title
	}
	return strings.Join(lines, "\n")
}
