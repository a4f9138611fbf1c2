package openapi

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Broken lists what clients of one document would miss, or be refused for, in another one:
// what went, what became narrower, what has to be sent now and had not. Whatever else is
// different is an addition. It fails where one of them is no document.
func Broken(before, after []byte) ([]string, error) {
	c := comparison{seen: map[string]bool{}}
	for text, root := range map[*[]byte]*map[string]any{&before: &c.before, &after: &c.after} {
		if err := json.Unmarshal(*text, root); err != nil {
			return nil, fmt.Errorf("openapi: not a document: %w", err)
		}
	}
	c.paths()
	slices.Sort(c.broken)
	return c.broken, nil
}

type comparison struct {
	before, after map[string]any
	broken        []string
	seen          map[string]bool // components that were compared, by direction
	deep          int             // how far the comparison has gone down
}

func (c *comparison) report(at, format string, args ...any) {
	c.broken = append(c.broken, at+": "+fmt.Sprintf(format, args...))
}

// at is what stands in an object, an empty one where it is none or not there.
func at(node any, steps ...string) map[string]any {
	for _, step := range steps {
		object, _ := node.(map[string]any)
		node = object[step]
	}
	object, _ := node.(map[string]any)
	return object
}

func list(node map[string]any, name string) (texts []string) {
	items, _ := node[name].([]any)
	for _, item := range items {
		texts = append(texts, fmt.Sprint(item))
	}
	return texts
}

func (c *comparison) paths() {
	for path, item := range at(c.before, "paths") {
		for method, op := range at(item) {
			name := strings.ToUpper(method) + " " + path
			now := at(c.after, "paths", path, method)
			if now == nil {
				c.report(name, "is gone")
				continue
			}
			c.operation(name, at(op), now)
		}
	}
}

func (c *comparison) operation(name string, before, after map[string]any) {
	if was, is := before["operationId"], after["operationId"]; was != is {
		c.report(name, "operationId was %v, is %v", was, is)
	}
	for _, node := range list(before, "x-bpsc-nodes") {
		if !slices.Contains(list(after, "x-bpsc-nodes"), node) {
			c.report(name, "a %s answers it no more", node)
		}
	}
	c.parameters(name, before, after)
	was, is := at(before, "requestBody"), at(after, "requestBody")
	if is["required"] == true && was["required"] != true {
		c.report(name, "a body is required")
	}
	for form, content := range at(was, "content") {
		now := at(is, "content", form)
		if now == nil {
			c.report(name, "takes no %s any more", form)
			continue
		}
		c.taken(name+" body", at(content, "schema"), at(now, "schema"))
	}
	for status, answer := range at(before, "responses") {
		where := name + " " + status
		now := at(after, "responses", status)
		if now == nil {
			c.report(where, "is gone")
			continue
		}
		answer, now := resolve(c.before, at(answer)), resolve(c.after, now)
		for header := range at(answer, "headers") {
			if at(now, "headers", header) == nil {
				c.report(where, "the header %s is gone", header)
			}
		}
		for form, content := range at(answer, "content") {
			in := at(now, "content", form)
			if in == nil {
				c.report(where, "no %s any more", form)
				continue
			}
			c.given(where, at(content, "schema"), at(in, "schema"))
		}
	}
}

func parametersOf(op map[string]any) map[string]map[string]any {
	all := map[string]map[string]any{}
	items, _ := op["parameters"].([]any)
	for _, item := range items {
		p := at(item)
		all[fmt.Sprint(p["in"], " ", p["name"])] = p
	}
	return all
}

func (c *comparison) parameters(name string, before, after map[string]any) {
	was, is := parametersOf(before), parametersOf(after)
	for key, p := range was {
		if is[key] == nil {
			c.report(name, "the parameter %s is gone", key)
			continue
		}
		c.taken(name+" "+key, at(p, "schema"), at(is[key], "schema"))
	}
	for key, p := range is {
		if p["required"] == true && was[key]["required"] != true {
			c.report(name, "the parameter %s is required", key)
		}
	}
}

// resolve follows a reference into its document.
func resolve(root, schema map[string]any) map[string]any {
	for range 8 {
		ref, _ := schema["$ref"].(string)
		if ref == "" {
			return schema
		}
		schema = at(root, strings.Split(strings.TrimPrefix(ref, "#/"), "/")...)
	}
	return schema
}

func types(schema map[string]any) []string {
	if one, ok := schema["type"].(string); ok {
		return []string{one}
	}
	return list(schema, "type")
}

// covers tells whether values of one type are of another one as well.
func covers(all []string, one string) bool {
	return len(all) == 0 || slices.Contains(all, one) || one == "integer" && slices.Contains(all, "number")
}

// component tells whether two schemas are references that have the same name, and whether
// they have been compared that way.
func (c *comparison) component(direction string, before, after map[string]any) (name string, again bool) {
	name, _ = before["$ref"].(string)
	if name == "" || name != after["$ref"] {
		return "", false
	}
	again = c.seen[direction+name]
	c.seen[direction+name] = true
	return strings.TrimPrefix(name, "#/components/"), again
}

// maxDeep is deeper than any body here.
const maxDeep = 24

// taken compares what clients send: whatever was good has to be.
func (c *comparison) taken(where string, before, after map[string]any) {
	if name, again := c.component("taken ", before, after); again || c.deep == maxDeep {
		return
	} else if name != "" {
		where = name
	}
	c.deep++
	defer func() { c.deep-- }()
	before, after = resolve(c.before, before), resolve(c.after, after)
	was, is := types(before), types(after)
	if len(was) == 0 && len(is) > 0 && before["anyOf"] == nil {
		c.report(where, "had any type, has %s", strings.Join(is, ", "))
	}
	for _, one := range was {
		if after["anyOf"] == nil && !covers(is, one) {
			c.report(where, "takes no %s any more", one)
		}
	}
	if set := list(after, "enum"); set != nil {
		if list(before, "enum") == nil {
			c.report(where, "takes only %s", strings.Join(set, ", "))
		}
		for _, value := range list(before, "enum") {
			if !slices.Contains(set, value) {
				c.report(where, "takes no %q any more", value)
			}
		}
	}
	c.bounds(where, before, after)
	for _, name := range list(after, "required") {
		if !slices.Contains(list(before, "required"), name) {
			c.report(where, "%s is required", name)
		}
	}
	for name, p := range at(before, "properties") {
		if now := at(after, "properties", name); now != nil {
			c.taken(where+"."+name, at(p), now)
		} else if after["additionalProperties"] == false {
			c.report(where, "takes no %s any more", name)
		}
	}
	if after["additionalProperties"] == false && before["additionalProperties"] != false && before["properties"] != nil {
		c.report(where, "takes no other members any more")
	}
	c.alternatives(where, before, after, c.taken)
	if items := at(before, "items"); items != nil {
		c.taken(where+"[]", items, at(after, "items"))
	}
}

// bounds are narrower where a least value grew, or a most shrank.
func (c *comparison) bounds(where string, before, after map[string]any) {
	for _, name := range []string{"minimum", "minLength"} {
		if is, ok := after[name].(float64); ok {
			if was, had := before[name].(float64); !had || was < is {
				c.report(where, "%s is %v, was %v", name, is, before[name])
			}
		}
	}
	for _, name := range []string{"maximum", "maxLength", "maxItems"} {
		if is, ok := after[name].(float64); ok {
			if was, had := before[name].(float64); !had || was > is {
				c.report(where, "%s is %v, was %v", name, is, before[name])
			}
		}
	}
	if is := after["pattern"]; is != nil && is != before["pattern"] {
		c.report(where, "pattern is %v, was %v", is, before["pattern"])
	}
}

// alternatives compares those of an anyOf by their places: new ones come last.
func (c *comparison) alternatives(where string, before, after map[string]any, compare func(string, map[string]any, map[string]any)) {
	for _, key := range []string{"anyOf", "allOf"} {
		was, _ := before[key].([]any)
		is, _ := after[key].([]any)
		for i := range was {
			if i >= len(is) {
				c.report(where, "a form of it is gone")
				return
			}
			compare(fmt.Sprintf("%s/%d", where, i), at(was[i]), at(is[i]))
		}
	}
}

// given compares what clients get: whatever they found has to be there, and of its type.
func (c *comparison) given(where string, before, after map[string]any) {
	if name, again := c.component("given ", before, after); again || c.deep == maxDeep {
		return
	} else if name != "" {
		where = name
	}
	c.deep++
	defer func() { c.deep-- }()
	before, after = resolve(c.before, before), resolve(c.after, after)
	was, is := types(before), types(after)
	for _, one := range is {
		if len(was) > 0 && !covers(was, one) {
			c.report(where, "may be %s now, was %s", one, strings.Join(was, ", "))
		}
	}
	if len(is) == 0 && len(was) > 0 && after["anyOf"] == nil {
		c.report(where, "may be anything now, was %s", strings.Join(was, ", "))
	}
	c.codes(where, before, after)
	for _, name := range list(before, "required") {
		if !slices.Contains(list(after, "required"), name) {
			c.report(where, "%s may be missing", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(at(before, "properties"))) {
		now, ok := at(after, "properties")[name]
		if !ok {
			c.report(where, "%s is gone", name)
			continue
		}
		c.given(where+"."+name, at(before, "properties", name), at(now))
	}
	c.alternatives(where, before, after, c.given)
	if items := at(before, "items"); items != nil {
		c.given(where+"[]", items, at(after, "items"))
	}
}

// codes are told clients in advance: one that goes, goes from what they look for.
func (c *comparison) codes(where string, before, after map[string]any) {
	for _, value := range list(before, "enum") {
		if set := list(after, "enum"); set != nil && !slices.Contains(set, value) {
			c.report(where, "%q is gone", value)
		}
	}
}
