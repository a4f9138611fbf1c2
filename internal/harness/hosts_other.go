//go:build !linux

package harness

import (
	"context"
	"errors"
	"os/exec"
)

// Hosts are network namespaces, which only Linux has.
type Hosts struct{}

// NewHosts makes none here.
func NewHosts(context.Context, int) (*Hosts, error) { return nil, errors.ErrUnsupported }

func (h *Hosts) Addr(int) string    { return "" }
func (h *Hosts) Machine(int) string { return "" }
func (h *Hosts) Here() string       { return "" }
func (h *Hosts) Close() error       { return nil }

func (h *Hosts) Filter(context.Context, int, string) error { return errors.ErrUnsupported }
func (h *Hosts) Unplug(context.Context, int) error         { return errors.ErrUnsupported }
func (h *Hosts) Plug(context.Context, int) error           { return errors.ErrUnsupported }

func (h *Hosts) command(int, string, []string) *exec.Cmd { return nil }
