package store_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/store"
)

// The states that each release has left behind open: those of members, of one that
// was killed, of a follower, and those in snapshots.
func TestStatesOfReleases(t *testing.T) {
	archives, err := harness.ReleaseData()
	if err != nil {
		t.Fatal(err)
	}
	for version, archive := range archives {
		dir := t.TempDir()
		if err := harness.Unpack(archive, dir); err != nil {
			t.Fatal(err)
		}
		for _, node := range []string{"n1", "n2", "n3", "f1"} {
			t.Run(version+" "+node, func(t *testing.T) {
				s, err := store.Open(store.Config{Dir: filepath.Join(dir, node, "state"), Log: node == "f1"})
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = s.Close() }()
				mustHaveBoth(t, s)
				snapshots := filepath.Join(dir, node, "raft", "snapshots")
				list, err := os.ReadDir(snapshots)
				if err != nil && node != "f1" {
					t.Fatal(err)
				}
				for _, e := range list {
					if err := s.Restore(filepath.Join(snapshots, e.Name(), "state")); err != nil {
						t.Fatal(err)
					}
					mustHaveBoth(t, s)
				}
			})
		}
	}
}

func mustHaveBoth(t *testing.T, s *store.Store) {
	t.Helper()
	for _, token := range []string{"aka", "gold"} {
		info, err := s.Contract(token)
		if err != nil || info.Length == 0 {
			t.Errorf("%s has %d blocks, %v", token, info.Length, err)
		}
	}
}
