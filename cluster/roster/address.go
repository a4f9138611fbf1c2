package roster

import (
	"strings"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/internal/identity"
)

// What else there is to say of a member than its identity and its vote stands in its address
// in raft's configuration, which raft does not look into:
//
//	host:port                     a founder
//	host:port/instance            who joined later, so that a member and the one that
//	                              replaces it can be at one address: raft takes each once
//	host:port/instance?joins      one that gets a vote by itself once it has caught up
//
// A non-voter of which that is not said stays one, so a founder that is demoted does.
const optionJoins = "joins"

// Address is what raft's address of a member says.
type Address struct {
	HostPort string
	Instance string
	Joins    bool
}

// ParseAddress reads what Encode writes.
func ParseAddress(text raft.ServerAddress) (a Address) {
	place, option, _ := strings.Cut(string(text), "?")
	a.HostPort, a.Instance, _ = strings.Cut(place, "/")
	a.Joins = option == optionJoins
	return a
}

// Encode is the address as raft has it.
func (a Address) Encode() raft.ServerAddress {
	text := a.HostPort
	if a.Instance != "" {
		text += "/" + a.Instance
	}
	if a.Joins {
		text += "?" + optionJoins
	}
	return raft.ServerAddress(text)
}

// ConfigurationOf is what an entry of raft's says.
func ConfigurationOf(c raftlog.Configured) membership.Configuration {
	out := membership.Configuration{Index: c.Index}
	for _, s := range c.Servers {
		name, at := identity.Identity(s.ID), ParseAddress(s.Address)
		out.Members = append(out.Members, membership.Member{
			ID: name.ID(), Instance: name.Instance(), Addr: at.HostPort,
			Voter: s.Suffrage == raft.Voter, Stays: !at.Joins && s.Suffrage != raft.Voter,
		})
	}
	return out
}
