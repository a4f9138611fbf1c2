package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/secretfile"
)

// Context is how a cluster is reached, under a name. A token is in a file of its own.
type Context struct {
	Servers   []string `yaml:"server" json:"server"`
	CACert    string   `yaml:"cacert,omitempty" json:"cacert,omitempty"`
	TokenFile string   `yaml:"token-file,omitempty" json:"token_file,omitempty"`
	Policy    string   `yaml:"policy,omitempty" json:"policy,omitempty"`
}

// Contexts are those of a user. They are in a file that only the user can read and
// write: whoever can change it chooses whom the user's tokens are sent to.
type Contexts struct {
	Current string             `yaml:"current,omitempty"` // "" is none
	All     map[string]Context `yaml:"contexts"`

	path string
}

// Bounds of the file: some hundred contexts.
const (
	maxContextsFile = 256 << 10
	contextsFile    = "contexts.yaml"
)

var contextName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// ErrNoContext: there is no context of that name.
var ErrNoContext = errors.New("there is no such context")

// ContextsPath is where they are kept: in bpsc of the user's folder for configuration.
func ContextsPath() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "bpsc", contextsFile), nil
}

// ReadContexts reads them; there are none where there is no file, or no home to have
// one in.
func ReadContexts() (*Contexts, error) {
	c := &Contexts{All: map[string]Context{}}
	var err error
	if c.path, err = ContextsPath(); err != nil {
		c.path = ""
		return c, nil
	}
	text, err := secretfile.Read(c.path, maxContextsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	} else if err != nil {
		return nil, ArgError("contexts: %w", err)
	}
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err = d.Decode(c); err == nil {
		err = c.validate()
	}
	if err != nil {
		return nil, ArgError("contexts in %s: %w", c.path, err)
	}
	if c.All == nil {
		c.All = map[string]Context{}
	}
	return c, nil
}

func (c *Contexts) validate() error {
	for name, context := range c.All {
		if err := validContext(name, context); err != nil {
			return err
		}
	}
	if _, is := c.All[c.Current]; c.Current != "" && !is {
		return fmt.Errorf("%w as the current one, %q", ErrNoContext, c.Current)
	}
	return nil
}

func validContext(name string, c Context) error {
	if !contextName.MatchString(name) {
		return fmt.Errorf("%q is no name of a context: lower-case letters, digits, dots, dashes and underscores, 63 at most", name)
	}
	if len(c.Servers) == 0 {
		return fmt.Errorf("%s names no server", name)
	}
	if _, err := client.New(c.Servers...); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Get is the context of a name.
func (c *Contexts) Get(name string) (Context, error) {
	found, is := c.All[name]
	if !is {
		return found, fmt.Errorf("%w: %q; bpsc context list shows them", ErrNoContext, name)
	}
	return found, nil
}

// Names are in order.
func (c *Contexts) Names() []string { return slices.Sorted(maps.Keys(c.All)) }

// Put adds or replaces a context.
func (c *Contexts) Put(name string, context Context) error {
	if err := validContext(name, context); err != nil {
		return ArgError("%w", err)
	}
	c.All[name] = context
	return nil
}

// Write keeps them.
func (c *Contexts) Write() error {
	if c.path == "" {
		return ArgError("there is no folder to keep contexts in: set HOME or XDG_CONFIG_HOME")
	}
	if err := durable.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return err
	}
	text, err := yaml.Marshal(c)
	if err != nil {
		return err
	}
	return durable.WriteFile(c.path, text, 0o600)
}
