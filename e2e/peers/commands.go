package main

import (
	"fmt"
	"path/filepath"
	"strings"
)

// commands are the first of each kind, to be shown.
type commands struct {
	dir   string // shown as DIR
	order []string
	lines map[string]string
}

func newCommands(dir string) *commands { return &commands{dir: dir, lines: map[string]string{}} }

// note keeps a command unless there is one for that purpose.
func (c *commands) note(purpose string, args []string) {
	if _, known := c.lines[purpose]; known {
		return
	}
	shown := append([]string{filepath.Base(args[0])}, args[1:]...)
	c.order = append(c.order, purpose)
	c.lines[purpose] = strings.ReplaceAll(strings.Join(shown, " "), c.dir, "DIR")
}

func (c *commands) String() string {
	var b strings.Builder
	for _, purpose := range c.order {
		fmt.Fprintf(&b, "# %s\n%s\n", purpose, c.lines[purpose])
	}
	return b.String()
}
