package cluster

import (
	"slices"
	"strings"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/internal/identity"
)

// raft's configuration, in its log, is the only list of members there is. What else
// there is to say of a member stands in its address, which raft does not look into:
//
//	host:port                     a founder
//	host:port/instance            who joined later, so that a member and the one that
//	                              replaces it can be at one address: raft takes each once
//	host:port/instance?joins      one that gets a vote by itself once it has caught up
//
// A non-voter of which that is not said stays one, so a founder that is demoted does.
const optionJoins = "joins"

// address is what raft's address of a member says.
type address struct {
	hostPort string
	instance string
	joins    bool
}

func parseAddress(text raft.ServerAddress) (a address) {
	place, option, _ := strings.Cut(string(text), "?")
	a.hostPort, a.instance, _ = strings.Cut(place, "/")
	a.joins = option == optionJoins
	return a
}

func (a address) encode() raft.ServerAddress {
	text := a.hostPort
	if a.instance != "" {
		text += "/" + a.instance
	}
	if a.joins {
		text += "?" + optionJoins
	}
	return raft.ServerAddress(text)
}

// configurationOf is what an entry of raft's says.
func configurationOf(c raftlog.Configured) Configuration {
	out := Configuration{Index: c.Index}
	for _, s := range c.Servers {
		name, at := identity.Identity(s.ID), parseAddress(s.Address)
		out.Members = append(out.Members, membership.Member{
			ID: name.ID(), Instance: name.Instance(), Addr: at.hostPort,
			Voter: s.Suffrage == raft.Voter, Stays: !at.joins && s.Suffrage != raft.Voter,
		})
	}
	return out
}

// founders is the first configuration, in the order that makes it the same on every
// member.
func founders(peers []Peer) raft.Configuration {
	var c raft.Configuration
	for _, p := range sortedPeers(peers) {
		c.Servers = append(c.Servers, raft.Server{
			Suffrage: raft.Voter,
			ID:       raft.ServerID(identity.New(p.ID, "")),
			Address:  address{hostPort: p.Addr}.encode(),
		})
	}
	return c
}

// names are the identities of the members of whom ok is true.
func names(c Configuration, ok func(membership.Member) bool) (out []string) {
	for _, m := range c.Members {
		if ok(m) {
			out = append(out, string(m.Identity()))
		}
	}
	return out
}

// voters are the identities of those that vote.
func voters(c Configuration) []string {
	return names(c, func(m membership.Member) bool { return m.Voter })
}

// addrs is where each member is, by its identity.
func addrs(c Configuration) map[string]string {
	out := map[string]string{}
	for _, m := range c.Members {
		out[string(m.Identity())] = m.Addr
	}
	return out
}

// find is the member of that identity.
func find(c Configuration, name string) (membership.Member, bool) {
	i := slices.IndexFunc(c.Members, func(m membership.Member) bool { return string(m.Identity()) == name })
	if i < 0 {
		return membership.Member{}, false
	}
	return c.Members[i], true
}
