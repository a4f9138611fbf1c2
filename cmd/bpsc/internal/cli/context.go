package cli

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/bpsc/bpsc/client"
)

// Context is how a cluster is reached, under a name. A token is in a file of its own.
type Context struct {
	Servers   []string `yaml:"server" json:"server"`
	CACert    string   `yaml:"cacert,omitempty" json:"cacert,omitempty"`
	TokenFile string   `yaml:"token-file,omitempty" json:"token_file,omitempty"`
	Policy    string   `yaml:"policy,omitempty" json:"policy,omitempty"`
}

// Contexts are those of a user.
type Contexts struct {
	Current string             `yaml:"current,omitempty"` // "" is none
	All     map[string]Context `yaml:"contexts"`
}

var contextName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// ErrNoContext: there is no context of that name.
var ErrNoContext = errors.New("there is no such context")

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
