package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// needle is a memo that is found again in the raw files.
const needle = "needle-in-the-log"

// A member whose files are damaged does not serve: it says which file, what to
// do, and ends with a code that is not success. It never repairs by forgetting.
func TestDamagedData(t *testing.T) {
	t.Parallel() // most of it waits
	for store, damage := range map[string][]damage{
		"bolt": {
			{"the log is cut short", inEach("raft/raft.db", afterHead)},
			{"the log's head is overwritten", inEach("raft/raft.db", junkAtStart)},
			{"the log is gone", inEach("raft/raft.db", remove)},
			{"the log is empty", inEach("raft/raft.db", empty)},
			{"an entry that is needed has other bytes", needed("raft/raft.db")},
		},
		"wal": {
			{"the log's head is overwritten", inEach("raft/wal/*.wal", junkAtStart)},
			{"the log is gone", inEach("raft/wal", os.RemoveAll)},
			{"all that is in the log is gone", inEach("raft/wal/*", remove)},
			{"the log's segments are gone", inEach("raft/wal/*.wal", remove)},
			{"the log's segments are empty", inEach("raft/wal/*.wal", empty)},
			{"the list of the log's segments is gone", inEach("raft/wal/segments.json", remove)},
			{"the list of the log's segments has other bytes", inEach("raft/wal/segments.json", flipMiddle)},
			{"an entry has other bytes", inEach("raft/wal/*.wal", replaceNeedle)},
		},
	} {
		t.Run(store, func(t *testing.T) { damagedData(t, store, damage) })
	}
}

// damage is what is done to the folder of a stopped member.
type damage struct {
	name   string
	damage func(t *testing.T, data string)
}

// needed changes entries of a log without which there is no state.
func needed(log string) func(t *testing.T, data string) {
	return func(t *testing.T, data string) {
		t.Helper()
		inEach(log, replaceNeedle)(t, data)
		if err := os.RemoveAll(filepath.Join(data, "state")); err != nil {
			t.Fatal(err)
		}
	}
}

func damagedData(t *testing.T, store string, ofLog []damage) {
	c := startCluster(t, harness.Options{Args: []string{"--log-store", store}})
	for i := range 50 {
		body := fmt.Sprintf(`{"sender":"a","recipient":"b-%d","amount":1,"memo":"%s"}`, i, needle)
		must(t, http.StatusCreated, http.MethodPost, c.Members[0].URL+"/v1/transactions", body)
	}
	must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/mine", "")
	for _, m := range c.Members {
		if err := m.Terminate(); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Members {
		if code, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil || code != 0 {
			t.Fatalf("%s ended with %d, %v", m.ID, code, err)
		}
	}
	m := c.Members[0]
	sound := filepath.Join(t.TempDir(), "sound")
	copyData(t, sound, m.Data)
	for _, d := range append(ofLog, []damage{
		{"the vote has other bytes", inEach("raft/vote.json", flipMiddle)},
		{"the vote is gone", inEach("raft/vote.json", remove)},
		{"the identity has other bytes", inEach("raft/identity.json", flipMiddle)},
		{"a table of the state is cut short", inEach("state/db-*/*.sst", half)},
		{"a table of the state has other bytes", inEach("state/db-*/*.sst", flipMiddle)},
		{"a table of the state is gone", inEach("state/db-*/*.sst", remove)},
		{"the name of the state's folder has other bytes", inEach("state/CURRENT", flipMiddle)},
	}...) {
		t.Run(d.name, func(t *testing.T) {
			replaceData(t, m, sound)
			d.damage(t, m.Data)
			refuseToStart(t, m)
		})
	}
	// The state is a product of the log: without it, or with what looks like an
	// older one, the member comes to the same again.
	replaceData(t, m, sound)
	for _, d := range []struct {
		name   string
		damage func(t *testing.T, data string)
	}{
		{"the state is moved away, as the message says", func(t *testing.T, data string) {
			if err := os.Rename(filepath.Join(data, "state"), filepath.Join(t.TempDir(), "state")); err != nil {
				t.Fatal(err)
			}
		}},
		{"the state's list of tables is cut short", inEach("state/db-*/MANIFEST-*", half)},
		{"the state's list of tables has other bytes", inEach("state/db-*/MANIFEST-*", flipMiddle)},
	} {
		t.Run(d.name, func(t *testing.T) {
			if err := m.Kill(); err != nil {
				t.Fatal(err)
			}
			replaceState(t, m, sound)
			d.damage(t, m.Data)
			if err := c.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			if l := verifyCluster(t, c, ""); len(l.Records) != 50 {
				t.Errorf("%d records, 50 were acknowledged", len(l.Records))
			}
		})
	}
}

func replaceData(t *testing.T, m *harness.Member, sound string) {
	t.Helper()
	if err := os.RemoveAll(m.Data); err != nil {
		t.Fatal(err)
	}
	copyData(t, m.Data, sound)
}

// replaceState leaves the log as it is: a member whose log went back is refused.
func replaceState(t *testing.T, m *harness.Member, sound string) {
	t.Helper()
	state := filepath.Join(m.Data, "state")
	if err := os.RemoveAll(state); err != nil {
		t.Fatal(err)
	}
	copyData(t, state, filepath.Join(sound, "state"))
}

// copyData copies a folder with the permissions of its files: a member refuses
// a key that others can read.
func copyData(t *testing.T, to, from string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "cp", "-Rp", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

func refuseToStart(t *testing.T, m *harness.Member) {
	t.Helper()
	if err := os.Truncate(m.Log, 0); err != nil {
		t.Fatal(err)
	}
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	code, err := m.AwaitExit(t.Context(), 10*time.Second)
	if err != nil {
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
		t.Fatalf("%v; it says:\n%s", err, m.LogTail(20))
	}
	said := m.LogTail(60)
	if code == 0 || !strings.Contains(strings.ToLower(said), "what to do") || !strings.Contains(said, m.Data) {
		t.Errorf("exit code %d; it says:\n%s", code, said)
	}
	if strings.Contains(said, "goroutine ") {
		t.Errorf("it panics:\n%s", said)
	}
}

// inEach damages every file that matches; there has to be one.
func inEach(pattern string, damage func(path string) error) func(*testing.T, string) {
	return func(t *testing.T, data string) {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(data, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no file matches %s (%v)", pattern, err)
		}
		for _, path := range paths {
			if err := damage(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func remove(path string) error { return os.Remove(path) }
func empty(path string) error  { return os.Truncate(path, 0) }

// afterHead leaves the two pages that describe the rest. The file has room to
// grow at its end, so that half of it would be no loss.
func afterHead(path string) error { return os.Truncate(path, 2*4096) }

func half(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	return os.Truncate(path, info.Size()/2)
}

func flipMiddle(path string) error {
	return rewrite(path, func(b []byte) []byte {
		b[len(b)/2] ^= 0x40
		return b
	})
}

func junkAtStart(path string) error {
	return rewrite(path, func(b []byte) []byte {
		return append(bytes.Repeat([]byte("junk"), 4096), b[min(len(b), 4*4096):]...)
	})
}

func replaceNeedle(path string) error {
	return rewrite(path, func(b []byte) []byte {
		return bytes.ReplaceAll(b, []byte(needle), []byte(strings.Replace(needle, "log", "fog", 1)))
	})
}

func rewrite(path string, change func([]byte) []byte) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return os.WriteFile(path, change(b), 0o600)
}
