package raftlog

import (
	"testing"

	"github.com/hashicorp/raft"
)

func configured(index uint64, id string) *raft.Log {
	c := raft.Configuration{Servers: []raft.Server{{ID: raft.ServerID(id), Address: "h:1"}}}
	return &raft.Log{Index: index, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(c)}
}

func TestConfigurations(t *testing.T) {
	c := NewConfigurations(nil)
	if _, ok := c.Latest(); ok {
		t.Error("there is one in an empty log")
	}
	for index, id := range map[uint64]string{1: "a", 9: "c", 5: "b"} {
		c.note(configured(index, id))
	}
	c.note(&raft.Log{Index: 11, Type: raft.LogCommand})
	expect := func(what string, got Configured, ok bool, index uint64, id raft.ServerID) {
		t.Helper()
		if !ok || got.Index != index || got.Servers[0].ID != id {
			t.Errorf("%s: %+v, %v; want %s at %d", what, got, ok, id, index)
		}
	}
	latest, ok := c.Latest()
	expect("latest", latest, ok, 9, "c")
	at, ok := c.At(8)
	expect("at 8", at, ok, 5, "b")
	c.cut(9) // a new leader has other entries there
	latest, ok = c.Latest()
	expect("after the end was cut off", latest, ok, 5, "b")
	c.Restored(&raft.SnapshotMeta{Index: 20, ConfigurationIndex: 3, Configuration: raft.DecodeConfiguration(configured(3, "d").Data)})
	latest, ok = c.Latest()
	expect("after a snapshot", latest, ok, 3, "d")
	if _, ok := c.At(2); ok {
		t.Error("there is one before the snapshot's")
	}
	c.Scanned()
	c.read(configured(30, "f"))
	if latest, ok = c.Latest(); latest.Index != 3 {
		t.Errorf("%+v, %v: an old entry that is read again counts", latest, ok)
	}
	for index := range uint64(2 * maxConfigurations) {
		c.note(configured(100+index, "e"))
	}
	if n := len(c.list); n != maxConfigurations {
		t.Errorf("%d are kept", n)
	}
}
