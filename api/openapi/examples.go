package openapi

import (
	"embed"
	"encoding/json"
	"path"
	"slices"
	"strings"
)

// files are bodies of requests and answers as they were, see scripts/api-examples.sh.
//
//go:embed examples
var files embed.FS

// extension is that of the files with bodies of a type.
func extension(mediaType string) string {
	switch mediaType {
	case typeJSON, typeProblem:
		return "json"
	case typeLines:
		return "ndjson"
	}
	return "txt"
}

// examples are those of an operation's request, or of its answers with a status, by their
// names. One that is called member or follower is of that kind of node only.
func (op *Operation) examples(of, ext string, nodes Nodes) (list members) {
	id := op.ID
	if op.Like != "" {
		id = op.Like
	}
	entries, _ := files.ReadDir("examples") // embedded: it is there
	for _, entry := range entries {
		parts := strings.Split(entry.Name(), ".")
		if len(parts) < 3 || parts[0] != id || parts[1] != of || parts[len(parts)-1] != ext {
			continue
		}
		name := "example"
		if len(parts) == 4 {
			name = parts[2]
		}
		if name == "member" && nodes&Member == 0 || name == "follower" && nodes&Follower == 0 {
			continue
		}
		body, _ := files.ReadFile(path.Join("examples", entry.Name()))
		var value any = string(body)
		if ext == "json" {
			value = json.RawMessage(body)
		}
		list.set(name, members{{"value", value}})
	}
	// The plain one is the first, which pages show.
	if i := slices.IndexFunc(list, func(m member) bool { return m.name == "example" }); i > 0 {
		list = slices.Concat(members{list[i]}, list[:i], list[i+1:])
	}
	return list
}
