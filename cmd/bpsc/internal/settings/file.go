package settings

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"go.yaml.in/yaml/v3"
)

// maxFile bounds a file of settings: some thousand lines.
const maxFile = 1 << 20

// file is a YAML file of settings, which has one mapping.
type file struct {
	path  string
	items []item
}

// item is one line of it.
type item struct {
	name  string
	value any
	line  int
	group bool // it is no setting but has some in it, which there is not
}

// readFile reads the file at path; "" is none.
func readFile(path string) (f file, err error) {
	if f.path = path; path == "" {
		return f, nil
	}
	text, err := readBounded(path)
	if err == nil {
		err = f.parse(text)
	}
	if err != nil {
		return f, fmt.Errorf("--config %s: %w", path, err)
	}
	return f, nil
}

// readBounded reads a file that can be read again when it changed: - is one of that name.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("it has over %d bytes", maxFile)
	}
	return text, err
}

func (f *file) parse(text []byte) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var document yaml.Node
	switch err := d.Decode(&document); {
	case errors.Is(err, io.EOF): // nothing but comments
		return nil
	case err != nil:
		return err
	case d.Decode(&yaml.Node{}) != io.EOF:
		return errors.New("it has more than one document")
	}
	content := document.Content[0]
	if content.Kind == yaml.ScalarNode && content.Tag == "!!null" {
		return nil
	}
	if content.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: this is no setting, as NAME: VALUE", content.Line)
	}
	seen := map[string]int{}
	for i := 0; i < len(content.Content); i += 2 {
		key, value := content.Content[i], content.Content[i+1]
		if line, twice := seen[key.Value]; twice {
			return fmt.Errorf("line %d: %q stands in line %d, too", key.Line, key.Value, line)
		}
		seen[key.Value] = key.Line
		one := item{name: key.Value, line: key.Line, group: value.Kind == yaml.MappingNode}
		if one.group && len(value.Content) > 0 {
			one.name += "." + value.Content[0].Value
		} else if err := value.Decode(&one.value); err != nil {
			return err
		}
		f.items = append(f.items, one)
	}
	return nil
}

// find is what the file says of a setting.
func (f *file) find(name string) (item, bool) {
	for _, one := range f.items {
		if one.name == name {
			return one, true
		}
	}
	return item{}, false
}

// at is where in the file that is.
func (f *file) at(line int) string { return fmt.Sprintf("%s:%d", f.path, line) }

// short is the same for a table.
func (f *file) short(line int) string { return fmt.Sprintf("%s:%d", filepath.Base(f.path), line) }
