package node

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/loopback"
	"github.com/bpsc/bpsc/node/folder"
)

// FollowerConfig is how a follower is to run. Start from DefaultFollowerConfig;
// Data and Sources are required.
type FollowerConfig struct {
	Common
	Access
	// Sources are the chains to follow, and where to get them.
	Sources []chainsync.Source
	// Pins are the only chains that go by their tokens.
	Pins map[string]chain.Hash
	// Policies say whose signatures count, and for which chains. Without any, the
	// first upstream is believed.
	Policies []*proof.History
	// AcceptRecovery are the hashes of handovers by which clusters that had lost
	// their majority went on.
	AcceptRecovery []chain.Hash
	// FirstUse are tokens about which the first upstream is believed, though Pins
	// or Policies are given and do not cover them.
	FirstUse []string
	// UpstreamToken is what requests to upstreams carry. They have to be https, or on this
	// machine.
	UpstreamToken string
	// Advertise is the URL under which the node registers itself at its upstreams;
	// it does not when empty.
	Advertise string
	// Strict ends the node, with chainsync.ErrEvidence, once there is evidence that
	// an upstream lies. Otherwise it goes on with the others, and is not ready.
	Strict bool
}

// DefaultFollowerConfig is a FollowerConfig for upstreams anywhere.
func DefaultFollowerConfig() FollowerConfig {
	return FollowerConfig{Common: defaultCommon("127.0.0.1:5001"), Access: defaultAccess()}
}

// Validate says what is wrong with c, by the names of bpsc's flags.
func (c *FollowerConfig) Validate() error {
	switch {
	case c.Data == "":
		return errors.New("--data is required")
	case len(c.Sources) == 0:
		return errors.New("--upstream or --bpsc is required")
	}
	if _, _, err := net.SplitHostPort(c.Listen); err != nil && c.Listen != "" {
		return fmt.Errorf("--listen %q is not host:port", c.Listen)
	}
	if err := c.TLS.validate(c.Listen); err != nil {
		return err
	}
	if c.Advertise != "" {
		if err := CheckURL(c.Advertise); err != nil {
			return fmt.Errorf("--advertise %s: %w", c.Advertise, err)
		}
	}
	if err := cmp.Or(c.Access.Validate(), c.checkAdmin()); err != nil {
		return err
	}
	for _, s := range c.Sources {
		flag := "--bpsc"
		if s.Token == "" {
			flag = "--upstream"
		}
		for _, u := range s.Upstreams {
			if !isURL(u) {
				return fmt.Errorf("%s: %q is not an http URL", flag, u)
			}
			if at, err := url.Parse(u); err != nil || c.UpstreamToken != "" && !loopback.Shelters(at) {
				return fmt.Errorf("%s: --upstream-token-file would be sent to %s over plain HTTP, where everybody on the way can read it: use https", flag, u)
			}
		}
	}
	return c.syncConfig().Validate()
}

// syncConfig is the part of c that the follower package needs.
func (c *FollowerConfig) syncConfig() chainsync.Config {
	cfg := chainsync.DefaultConfig()
	cfg.Sources, cfg.Pins, cfg.Policies, cfg.FirstUse, cfg.Strict = c.Sources, c.Pins, c.Policies, c.FirstUse, c.Strict
	cfg.AcceptRecovery, cfg.Token = c.AcceptRecovery, c.UpstreamToken
	folder.PlaceSync(&cfg, c.Data)
	return cfg
}
