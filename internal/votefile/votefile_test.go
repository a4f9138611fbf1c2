package votefile

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"github.com/bpsc/bpsc/internal/durable"
)

var _ raft.StableStore = (*File)(nil)

func open(t *testing.T, path string) *File {
	t.Helper()
	f, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// vote does what raft's persistVote does.
func vote(f *File, term uint64, candidate string) error {
	if err := f.SetUint64([]byte("LastVoteTerm"), term); err != nil {
		return err
	}
	return f.Set([]byte("LastVoteCand"), []byte(candidate))
}

func wantVote(t *testing.T, f *File, term uint64, candidate string) {
	t.Helper()
	gotTerm, err := f.GetUint64([]byte("LastVoteTerm"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := f.Get([]byte("LastVoteCand"))
	if err != nil || gotTerm != term || string(got) != candidate {
		t.Fatalf("vote %d for %q (%v), want %d for %q", gotTerm, got, err, term, candidate)
	}
}

func TestNothingStored(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "vote"))
	for _, key := range []string{"CurrentTerm", "LastVoteTerm"} {
		// raft compares the text, not the value
		if _, err := f.GetUint64([]byte(key)); err == nil || err.Error() != "not found" {
			t.Errorf("%s: %v", key, err)
		}
	}
	if _, err := f.Get([]byte("LastVoteCand")); err == nil || err.Error() != "not found" {
		t.Errorf("LastVoteCand: %v", err)
	}
}

func TestSurvivesReopening(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vote")
	f := open(t, path)
	if err := f.SetUint64([]byte("CurrentTerm"), 5); err != nil {
		t.Fatal(err)
	}
	if err := vote(f, 5, "a:1"); err != nil {
		t.Fatal(err)
	}
	f = open(t, path)
	wantVote(t, f, 5, "a:1")
	if term, err := f.GetUint64([]byte("CurrentTerm")); term != 5 || err != nil {
		t.Errorf("term %d, %v", term, err)
	}
}

// A crash between the two steps of a vote must not leave the new term beside
// the old candidate.
func TestCrashBetweenTermAndCandidate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vote")
	f := open(t, path)
	if err := vote(f, 5, "old:1"); err != nil {
		t.Fatal(err)
	}
	if err := f.SetUint64([]byte("LastVoteTerm"), 6); err != nil {
		t.Fatal(err)
	}
	// Even an unrelated write in between must not carry the staged term out.
	if err := f.SetUint64([]byte("CurrentTerm"), 6); err != nil {
		t.Fatal(err)
	}
	wantVote(t, open(t, path), 5, "old:1")
	wantVote(t, f, 5, "old:1")
}

// A vote whose write failed was not cast, whichever side of the rename failed.
func TestFailedWrite(t *testing.T) {
	broken := errors.New("broken disk")
	for name, persisted := range map[string]bool{"not persisted": false, "persisted": true} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "vote")
			f := open(t, path)
			if err := vote(f, 5, "old:1"); err != nil {
				t.Fatal(err)
			}
			f.write = func(path string, v any) error {
				if persisted {
					if err := durable.WriteSealed(path, v); err != nil {
						return err
					}
				}
				return broken
			}
			if err := vote(f, 6, "new:1"); !errors.Is(err, broken) {
				t.Fatalf("got %v", err)
			}
			wantVote(t, f, 5, "old:1")
			if persisted {
				wantVote(t, open(t, path), 6, "new:1")
			} else {
				wantVote(t, open(t, path), 5, "old:1")
			}
		})
	}
}

// Each fsync lengthens an election: one write for the term, one for the vote.
func TestWritesOfAnElection(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "vote"))
	writes := 0
	f.write = func(path string, v any) error { writes++; return durable.WriteSealed(path, v) }
	for range 2 { // raft sets the same term again when it hears of the leader
		if err := f.SetUint64([]byte("CurrentTerm"), 7); err != nil {
			t.Fatal(err)
		}
	}
	if err := vote(f, 7, "a:1"); err != nil {
		t.Fatal(err)
	}
	if writes != 2 {
		t.Errorf("%d writes, want 2", writes)
	}
}

func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vote")
	if err := vote(open(t, path), 5, "a:1"); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[12] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path); !errors.Is(err, durable.ErrSeal) {
		t.Errorf("got %v", err)
	}
}

func TestUnknownKeysAndOrder(t *testing.T) {
	f := open(t, filepath.Join(t.TempDir(), "vote"))
	if err := f.Set([]byte("LastVoteCand"), []byte("a:1")); err == nil {
		t.Error("a candidate without a term was stored")
	}
	if err := f.Set([]byte("other"), nil); !errors.Is(err, ErrKey) {
		t.Errorf("Set: %v", err)
	}
	if err := f.SetUint64([]byte("other"), 1); !errors.Is(err, ErrKey) {
		t.Errorf("SetUint64: %v", err)
	}
	if _, err := f.Get([]byte("other")); !errors.Is(err, ErrKey) {
		t.Errorf("Get: %v", err)
	}
	if _, err := f.GetUint64([]byte("other")); !errors.Is(err, ErrKey) {
		t.Errorf("GetUint64: %v", err)
	}
}
