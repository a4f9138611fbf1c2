package membership

import (
	"fmt"
	"net"

	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Validate says what is wrong with the form of c. Errors wrap outcome.ChangeInvalid.
func (c Change) Validate() error {
	if c.Kind != TransferLeader || c.ID != "" { // to whoever lags least
		if err := identity.Valid(c.ID); err != nil {
			return fmt.Errorf("%w: %w", outcome.ChangeInvalid, err)
		}
	}
	if wrong := c.mistake(); wrong != "" {
		return fmt.Errorf("%w: %s", outcome.ChangeInvalid, wrong)
	}
	return nil
}

func (c Change) mistake() string {
	switch c.Kind {
	case Add, Promote, Demote, Remove, Replace, TransferLeader:
	default:
		return fmt.Sprintf("there is no change of the kind %.40q", string(c.Kind))
	}
	addressed := c.Kind == Add || c.Kind == Replace
	switch {
	case c.Addr == "" && c.Kind == Add:
		return "the address is missing: host:port, as the other members reach it"
	case c.Addr != "" && !addressed:
		return string(c.Kind) + " takes no address"
	case c.NonVoter && c.Kind != Add:
		return string(c.Kind) + " makes no non-voters"
	case c.Instance != "" && (c.Kind == Add || c.Kind == TransferLeader):
		return string(c.Kind) + " takes no instance"
	case c.Instance != "" && identity.ValidInstance(c.Instance) != nil:
		return identity.ValidInstance(c.Instance).Error()
	}
	if host, port, err := net.SplitHostPort(c.Addr); c.Addr != "" && (err != nil || host == "" || port == "") {
		return fmt.Sprintf("%.100q is not host:port", c.Addr)
	}
	return ""
}
