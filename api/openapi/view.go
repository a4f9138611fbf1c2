package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

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
