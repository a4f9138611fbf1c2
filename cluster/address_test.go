package cluster

import (
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/raftlog"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[raft.ServerAddress]address{
		"h:1":              {hostPort: "h:1"},
		"[::1]:7/0123":     {hostPort: "[::1]:7", instance: "0123"},
		"h:1/0123?joins":   {hostPort: "h:1", instance: "0123", joins: true},
		"10.0.0.1:1?joins": {hostPort: "10.0.0.1:1", joins: true},
	} {
		if got := parseAddress(text); got != want || got.encode() != text {
			t.Errorf("%s is %+v, which is %s", text, got, got.encode())
		}
	}
}

func TestWhoStays(t *testing.T) {
	c := configurationOf(raftlog.Configured{Index: 3, Servers: []raft.Server{
		{ID: "a", Address: "h:1"},
		{ID: "b", Address: "h:2", Suffrage: raft.Nonvoter},
		{ID: "c~0123", Address: "h:3/0123?joins", Suffrage: raft.Nonvoter},
		{ID: "d~0123", Address: "h:4/0123?joins"},
	}})
	for i, want := range []ConfiguredMember{
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
