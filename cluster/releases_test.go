package cluster

import (
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/cluster/datadir"
	"github.com/bpsc/bpsc/cluster/entry"
	"github.com/bpsc/bpsc/cluster/raftlog"
	"github.com/bpsc/bpsc/cluster/snapshot"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/votefile"
)

// The logs that each release has left behind open, with the votes and snapshots that
// belong to them, and every entry is understood.
func TestLogsOfReleases(t *testing.T) {
	t.Parallel()
	archives, err := harness.ReleaseData()
	if err != nil {
		t.Fatal(err)
	}
	for version, archive := range archives {
		dir := t.TempDir()
		if err := harness.Unpack(archive, dir); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"n1", "n2", "n3"} {
			t.Run(version+" "+id, func(t *testing.T) { readLog(t, filepath.Join(dir, id, "raft")) })
		}
	}
}

func readLog(t *testing.T, dir string) {
	votes, err := votefile.Open(filepath.Join(dir, datadir.VoteFile))
	if err != nil {
		t.Fatal(err)
	}
	if term, err := votes.GetUint64([]byte("CurrentTerm")); err != nil || term == 0 {
		t.Errorf("term %d, %v", term, err)
	}
	snapshots, err := snapshot.Open(filepath.Join(dir, datadir.SnapshotsDir))
	if err != nil {
		t.Fatal(err)
	}
	newest, ok := snapshots.Newest()
	if !ok {
		t.Fatal("there is no snapshot")
	}
	log, err := raftlog.Open(datadir.Bolt, filepath.Join(dir, datadir.LogFile), newest.Index)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	first, err := log.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	last, _, err := raftlog.Last(log)
	if err != nil || last <= newest.Index {
		t.Fatalf("the log ends with entry %d, the snapshot with %d: %v", last, newest.Index, err)
	}
	for index := first; index <= last; index++ {
		var l raft.Log
		if err := log.GetLog(index, &l); err != nil {
			t.Fatal(err)
		}
		if l.Type != raft.LogCommand {
			continue
		}
		if _, err := entry.Decode(l.Data); err != nil {
			t.Errorf("entry %d: %v", index, err)
		}
	}
}
