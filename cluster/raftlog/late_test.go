package raftlog

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
)

// idle is a state machine with nothing in it.
type idle struct{}

func (idle) Apply(*raft.Log) any                 { return nil }
func (idle) Snapshot() (raft.FSMSnapshot, error) { return nil, io.EOF }
func (idle) Restore(r io.ReadCloser) error       { _, err := io.ReadAll(r); return err }

// A leader whose snapshot ends within a member's log asks for the entry at its end, and puts
// others behind it in place of what the member has there. Without that entry it would send
// the snapshot again and again.
func TestALeaderGoesOnBehindALateSnapshot(t *testing.T) {
	s := openSegments(t, filepath.Join(t.TempDir(), "wal"))
	defer mustClose(t, s)
	snapshots := raft.NewInmemSnapshotStore()
	g := &Log{LogStore: s, Memory: new(fakeMemory), Watch: testWatch(t), Configurations: NewConfigurations(nil),
		Fatal: func(err error) { t.Error(err) },
		Snapshot: func() (index, term uint64) {
			list, _ := snapshots.List()
			for _, newest := range list {
				return newest.Index, newest.Term
			}
			return 0, 0
		}}
	members := raft.EncodeConfiguration(raft.Configuration{Servers: []raft.Server{{ID: "a", Address: "a"}, {ID: "b", Address: "b"}, {ID: "c", Address: "c"}}})
	entries := []*raft.Log{{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: members}}
	for i := uint64(2); i <= 30; i++ {
		entries = append(entries, &raft.Log{Index: i, Term: 1})
	}
	if err := g.StoreLogs(entries); err != nil {
		t.Fatal(err)
	}
	_, here := raft.NewInmemTransport("a")
	_, leader := raft.NewInmemTransport("b")
	leader.Connect("a", here)
	c := raft.DefaultConfig()
	c.LocalID, c.HeartbeatTimeout, c.ElectionTimeout, c.LogOutput = "a", time.Minute, time.Minute, io.Discard
	r, err := raft.NewRaft(c, idle{}, g, raft.NewInmemStore(), snapshots, here)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Shutdown().Error() }()
	head := raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("b"), Addr: []byte("b")}
	var installed raft.InstallSnapshotResponse
	err = leader.InstallSnapshot("a", "a", &raft.InstallSnapshotRequest{RPCHeader: head, SnapshotVersion: raft.SnapshotVersionMax, Term: 3, LastLogIndex: 20, LastLogTerm: 1,
		Configuration: members, ConfigurationIndex: 1, Size: 1}, &installed, strings.NewReader("s"))
	if err != nil || !installed.Success {
		t.Fatalf("the snapshot: %v", err)
	}
	var appended raft.AppendEntriesResponse
	err = leader.AppendEntries("a", "a", &raft.AppendEntriesRequest{RPCHeader: head, Term: 3, PrevLogEntry: 20, PrevLogTerm: 1,
		Entries: []*raft.Log{{Index: 21, Term: 3}}}, &appended)
	if err != nil || !appended.Success {
		t.Fatalf("the entry behind it is refused: %v", err)
	}
	if last, err := s.LastIndex(); err != nil || last != 21 {
		t.Errorf("the log ends with entry %d, %v", last, err)
	}
}
