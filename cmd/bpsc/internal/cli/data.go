package cli

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/jedib0t/go-pretty/v6/table"
	"go.yaml.in/yaml/v3"
)

// printYAML writes what PrintJSON writes, key for key and digit for digit, as YAML.
func printYAML(out io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	node, err := yamlNode(d)
	if err != nil {
		return err
	}
	enc := yaml.NewEncoder(out)
	enc.SetIndent(2)
	return errors.Join(enc.Encode(node), enc.Close())
}

// yamlNode reads the next value of a JSON text.
func yamlNode(d *json.Decoder) (*yaml.Node, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		kind := yaml.MappingNode
		if v == '[' {
			kind = yaml.SequenceNode
		}
		node := &yaml.Node{Kind: kind}
		for d.More() { // a key is a value like others
			item, err := yamlNode(d)
			if err != nil {
				return nil, err
			}
			node.Content = append(node.Content, item)
		}
		_, err := d.Token() // what closes it
		return node, err
	case string:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: v}, nil
	case json.Number:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: v.String()}, nil
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: fmt.Sprint(v)}, nil
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Value: "null"}, nil
}

// printCSV writes the rows of a table, nothing of them cut (RFC 4180, with line feeds).
// Characters that act on a terminal are escaped, as in a table.
func printCSV(out io.Writer, header table.Row, rows []table.Row) error {
	w := csv.NewWriter(out)
	for _, row := range append([]table.Row{header}, rows...) {
		line := make([]string, len(header))
		for i := range min(len(row), len(line)) {
			if row[i] != nil {
				line[i] = fmt.Sprint(plainCell(row[i]))
			}
		}
		if err := w.Write(line); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// printValueCSV writes an object as a row under its keys, a list as a row for each item.
// What is nested stays JSON.
func printValueCSV(out io.Writer, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	items := []json.RawMessage{text}
	if text[0] == '[' {
		if err := json.Unmarshal(text, &items); err != nil {
			return err
		}
	}
	var header []string
	rows := make([]map[string]json.RawMessage, len(items))
	for i, item := range items {
		keys, fields, err := Fields(item)
		if err != nil {
			return err
		}
		rows[i] = fields
		for _, key := range keys {
			if !slices.Contains(header, key) {
				header = append(header, key)
			}
		}
	}
	titles, lines := make(table.Row, len(header)), make([]table.Row, len(rows))
	for i, key := range header {
		titles[i] = key
		for j, fields := range rows {
			lines[j] = append(lines[j], Plain(fields[key]))
		}
	}
	return printCSV(out, titles, lines)
}

// Fields are the keys of an object in their order, and what they have; of anything
// else, "value".
func Fields(text json.RawMessage) (keys []string, fields map[string]json.RawMessage, err error) {
	if len(text) == 0 || text[0] != '{' {
		return []string{"value"}, map[string]json.RawMessage{"value": text}, nil
	}
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, nil, err
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if _, err := d.Token(); err != nil {
		return nil, nil, err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, nil, err
		}
		keys = append(keys, fmt.Sprint(key))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, nil, err
		}
	}
	return keys, fields, nil
}

// Plain is a string's text, nothing for null, and JSON for the rest.
func Plain(value json.RawMessage) any {
	var text string
	switch {
	case len(value) == 0 || string(value) == "null":
		return nil
	case json.Unmarshal(value, &text) == nil:
		return text
	}
	return string(value)
}
