package openapi

import (
	"bytes"
	"encoding/json"
)

// Schema is a JSON Schema (2020-12), as much of it as the bodies of this API need.
type Schema struct {
	Ref         string    `json:"$ref,omitempty"`
	Description string    `json:"description,omitempty"`
	Type        any       `json:"type,omitempty"` // a name, or several
	Format      string    `json:"format,omitempty"`
	Const       string    `json:"const,omitempty"`
	Enum        []string  `json:"enum,omitempty"`
	Pattern     string    `json:"pattern,omitempty"`
	Default     any       `json:"default,omitempty"`
	Minimum     *int64    `json:"minimum,omitempty"`
	Maximum     *int64    `json:"maximum,omitempty"`
	MinLength   int       `json:"minLength,omitempty"`
	MaxLength   int       `json:"maxLength,omitempty"`
	MaxItems    int       `json:"maxItems,omitempty"`
	Items       *Schema   `json:"items,omitempty"`
	Properties  members   `json:"properties,omitempty"`
	Required    []string  `json:"required,omitempty"`
	Additional  any       `json:"additionalProperties,omitempty"` // false, or a *Schema
	AnyOf       []*Schema `json:"anyOf,omitempty"`
	AllOf       []*Schema `json:"allOf,omitempty"`
}

// member is a name and what stands under it, in an object that keeps its order.
type member struct {
	name  string
	value any
}

type members []member

func (o *members) set(name string, value any) { *o = append(*o, member{name, value}) }

// get is what stands under a name, nil where there is none.
func (o members) get(name string) any {
	for i := range o {
		if o[i].name == name {
			return o[i].value
		}
	}
	return nil
}

// MarshalJSON implements json.Marshaler.
func (o members) MarshalJSON() ([]byte, error) {
	var out bytes.Buffer
	out.WriteByte('{')
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	for i, m := range o {
		if i > 0 {
			out.WriteByte(',')
		}
		if err := enc.Encode(m.name); err != nil {
			return nil, err
		}
		out.WriteByte(':')
		if err := enc.Encode(m.value); err != nil {
			return nil, err
		}
	}
	out.WriteByte('}')
	return out.Bytes(), nil
}

// property is a member of an object in a schema.
type property struct {
	name   string
	always bool // it is required
	schema *Schema
}

func must(name string, s *Schema) property { return property{name, true, s} }
func may(name string, s *Schema) property  { return property{name, false, s} }

// object is an object with these members, and others that a later version may add.
func object(doc string, properties ...property) *Schema {
	s := &Schema{Type: "object", Description: doc}
	for _, p := range properties {
		s.Properties.set(p.name, p.schema)
		if p.always {
			s.Required = append(s.Required, p.name)
		}
	}
	return s
}

// closed is object where any other member is refused.
func closed(doc string, properties ...property) *Schema {
	s := object(doc, properties...)
	s.Additional = false
	return s
}

func text(doc string) *Schema    { return &Schema{Type: "string", Description: doc} }
func flag(doc string) *Schema    { return &Schema{Type: "boolean", Description: doc} }
func number(doc string) *Schema  { return &Schema{Type: "number", Description: doc} }
func integer(doc string) *Schema { return &Schema{Type: "integer", Description: doc} }

// count is a whole number that is not negative.
func count(doc string) *Schema { return integer(doc).from(0) }

func listOf(items *Schema, doc string) *Schema {
	return &Schema{Type: "array", Items: items, Description: doc}
}

// mapOf is an object whose names are data.
func mapOf(values *Schema, doc string) *Schema {
	return &Schema{Type: "object", Additional: values, Description: doc}
}

func oneOf(values []string, doc string) *Schema {
	return &Schema{Type: "string", Enum: values, Description: doc}
}

func anyOf(doc string, of ...*Schema) *Schema { return &Schema{AnyOf: of, Description: doc} }

// named is the component of that name.
func named(name string) *Schema { return &Schema{Ref: "#/components/schemas/" + name} }

// about is the component of that name, and what it is here.
func about(name, doc string) *Schema { return &Schema{Ref: named(name).Ref, Description: doc} }

func hexOf(digits int, doc string) *Schema {
	s := text(doc)
	s.Pattern, s.MinLength, s.MaxLength = "^[0-9a-f]*$", digits, digits
	return s
}

// when is a time as RFC 3339 has it.
func when(doc string) *Schema {
	s := text(doc)
	s.Format = "date-time"
	return s
}

func (s *Schema) from(least int64) *Schema {
	s.Minimum = &least
	return s
}

func (s *Schema) to(most int64) *Schema {
	s.Maximum = &most
	return s
}

func (s *Schema) atMost(bytes int) *Schema {
	s.MaxLength = bytes
	return s
}

func (s *Schema) byDefault(value any) *Schema {
	s.Default = value
	return s
}
