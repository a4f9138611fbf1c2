package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// What the templates show.

type referenceView struct {
	Title, Introduction string
	Kind                string
	Tags                []tagView
	Schemas             []schemaView
	Problems            []Problem
}

type tagView struct {
	Name, About string
	Operations  []operationView
}

type operationView struct {
	ID, Method, Path, Summary, About string
	Parameters                       []parameterView
	Body                             *Schema
	BodyAbout                        string
	BodyExample                      string
	Answers                          []answerView
	Curl                             string
	Try                              string // path to begin with; "" where a browser cannot show the answer
}

type parameterView struct {
	Name, In string
	Schema   *Schema
}

type answerView struct {
	Status, Reason string
	About          string
	Codes          []Problem
	Types          []string
	Schema         *Schema
	Headers        string
	Example        string
}

type schemaView struct {
	Name   string
	Schema *Schema
}

func (d *Document) reference() referenceView {
	v := referenceView{Title: "bpsc: the API", Introduction: introduction, Problems: d.Problems, Kind: strings.Join(d.Nodes.names(), " and ")}
	for _, tag := range tags {
		t := tagView{Name: tag.name, About: tag.about}
		for i := range d.Operations {
			if op := &d.Operations[i]; op.Tag == tag.name {
				t.Operations = append(t.Operations, d.view(op))
			}
		}
		if t.Operations != nil {
			v.Tags = append(v.Tags, t)
		}
	}
	for _, s := range schemas(d.Problems) {
		v.Schemas = append(v.Schemas, schemaView{s.name, s.value.(*Schema)})
	}
	return v
}

func (d *Document) view(op *Operation) operationView {
	v := operationView{ID: op.ID, Method: op.Method, Path: op.Path, Summary: op.Summary, About: op.text()}
	for _, group := range []struct {
		in   string
		from []*Parameter
	}{{"path", op.InPath}, {"query", op.Query}, {"header", op.Headers}} {
		for _, p := range group.from {
			v.Parameters = append(v.Parameters, parameterView{p.Name, group.in, p.Schema})
		}
	}
	if op.Body != nil {
		v.Body, v.BodyAbout = op.Body.Schema, op.Body.About
		v.BodyExample = firstExample(op.examples("request", "json", d.Nodes))
	}
	for _, status := range d.Statuses(op) {
		v.Answers = append(v.Answers, d.answerViews(op, status)...)
	}
	v.Curl = op.curl(v.BodyExample)
	if !slices.ContainsFunc(op.Answers, func(a Answer) bool {
		return slices.ContainsFunc(a.Content, func(c Content) bool { return c.Type == typeEvents || c.Schema.Format == "binary" })
	}) {
		v.Try = op.filled()
	}
	return v
}

func (d *Document) answerViews(op *Operation, status int) (list []answerView) {
	text := statusText(status)
	for _, a := range op.Answers {
		if a.Status != status {
			continue
		}
		v := answerView{Status: text, Reason: http.StatusText(status), About: a.About, Headers: strings.Join(a.Headers, ", ")}
		for _, c := range a.Content {
			v.Types = append(v.Types, c.Type)
			if v.Schema == nil && c.Type == typeJSON {
				v.Schema = c.Schema
			}
			if v.Example == "" {
				v.Example = firstExample(op.examples(text, extension(c.Type), d.Nodes))
			}
		}
		list = append(list, v)
	}
	if codes := d.CodesOf(op, status); len(codes) > 0 {
		v := answerView{Status: text, Reason: http.StatusText(status), Types: []string{typeProblem}}
		for _, code := range codes {
			v.Codes = append(v.Codes, d.byCode[code])
		}
		if status >= 400 {
			v.Example = firstExample(op.examples(text, "json", d.Nodes))
		}
		list = append(list, v)
	}
	return list
}

// firstExample is an example as people read it.
func firstExample(list members) string {
	if len(list) == 0 {
		return ""
	}
	switch value := list[0].value.(members)[0].value.(type) {
	case json.RawMessage:
		var out bytes.Buffer
		if json.Indent(&out, value, "", "  ") == nil {
			return strings.TrimSpace(out.String())
		}
		return string(value)
	case string:
		return value
	}
	return ""
}

// filled is the path with something in the place of its parameters.
func (op *Operation) filled() string {
	return strings.NewReplacer("{id}:", "ID:", "{id}", "ID", "{address}", "alice", "{index}", "1", "{token}", "aka", "{tile}", "0/000.p/1", "{node}", "127.0.0.1:5001", "{code}", "not_found").Replace(op.Path)
}

// curl is a line that sends such a request.
func (op *Operation) curl(body string) string {
	line := "curl -s"
	if op.Method != http.MethodGet {
		line += " -X " + op.Method
	}
	line += " http://127.0.0.1:5000" + op.filled()
	if op.Role == "operate" {
		line += ` -H "Authorization: Bearer $TOKEN"`
	}
	if slices.Contains(op.Headers, withKey) && op.ID == "submit" {
		line += " -H 'Idempotency-Key: invoice-1207'"
	}
	if body != "" {
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(body)) == nil {
			line += " -d '" + compact.String() + "'"
		}
	}
	return line
}

// Row is a line of a schema as it is shown.
type row struct {
	Depth    int
	Name     string
	Type     string
	Link     string // name of the component
	Required bool
	About    string
}

// shown lists what is in a schema, each member of an object a row.
func shown(s *Schema) []row { return rows(nil, "", s, 0, false) }

func rows(list []row, name string, s *Schema, depth int, required bool) []row {
	list = append(list, row{Depth: depth, Name: name, Type: s.typeName(), Link: s.component(), Required: required, About: s.Description})
	switch {
	case s.Ref != "":
		return list
	case s.Items != nil && s.Items.Properties != nil:
		s = s.Items
	case len(s.AnyOf) > 0 && slices.ContainsFunc(s.AnyOf, func(o *Schema) bool { return o.Properties != nil }):
		for _, one := range s.AnyOf {
			list = rows(list, "", one, depth+1, false)
		}
		return list
	}
	for _, p := range s.Properties {
		list = rows(list, p.name, p.value.(*Schema), depth+1, slices.Contains(s.Required, p.name))
	}
	return list
}

func (s *Schema) component() string {
	if s.Items != nil {
		s = s.Items
	}
	return strings.TrimPrefix(s.Ref, named("").Ref)
}

// typeName says in a few words what values a schema has.
func (s *Schema) typeName() string {
	var words string
	switch {
	case s.Ref != "":
		return s.component()
	case s.Const != "":
		return fmt.Sprintf("%q", s.Const)
	case len(s.Enum) > 0 && len(s.Enum) < 12:
		return `"` + strings.Join(s.Enum, `" or "`) + `"`
	case s.Items != nil:
		words = "list of " + s.Items.typeName()
	case len(s.AnyOf) > 0:
		parts := make([]string, len(s.AnyOf))
		for i, one := range s.AnyOf {
			parts[i] = one.typeName()
		}
		words = strings.Join(parts, " or ")
	case s.Type == nil:
		words = "any"
	default:
		words = strings.Trim(fmt.Sprint(s.Type), "[]")
	}
	if s.Minimum != nil && s.Maximum != nil {
		words += fmt.Sprintf(", %d to %d", *s.Minimum, *s.Maximum)
	} else if s.Minimum != nil && *s.Minimum > 0 {
		words += fmt.Sprintf(", from %d", *s.Minimum)
	}
	if s.Default != nil {
		words += fmt.Sprintf(", %v by default", s.Default)
	}
	return words
}
