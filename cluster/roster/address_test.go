package roster

import (
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/raftlog"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[raft.ServerAddress]Address{
		"h:1":              {HostPort: "h:1"},
		"[::1]:7/0123":     {HostPort: "[::1]:7", Instance: "0123"},
		"h:1/0123?joins":   {HostPort: "h:1", Instance: "0123", Joins: true},
		"10.0.0.1:1?joins": {HostPort: "10.0.0.1:1", Joins: true},
	} {
		if got := ParseAddress(text); got != want || got.Encode() != text {
			t.Errorf("%s is %+v, which is %s", text, got, got.Encode())
		}
	}
}

func TestWhoStays(t *testing.T) {
	c := ConfigurationOf(raftlog.Configured{Index: 3, Servers: []raft.Server{
		{ID: "a", Address: "h:1"},
		{ID: "b", Address: "h:2", Suffrage: raft.Nonvoter},
		{ID: "c~0123", Address: "h:3/0123?joins", Suffrage: raft.Nonvoter},
		{ID: "d~0123", Address: "h:4/0123?joins"},
	}})
	for i, want := range []membership.Member{
		{ID: "a", Addr: "h:1", Voter: true},
		{ID: "b", Addr: "h:2", Stays: true},
		{ID: "c", Instance: "0123", Addr: "h:3"},
		{ID: "d", Instance: "0123", Addr: "h:4", Voter: true},
	} {
		if got := c.Members[i]; got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
