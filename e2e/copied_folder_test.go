package e2e

import (
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

// verifyFolder runs bpsc chain verify --data.
func verifyFolder(t *testing.T, dir string) (code int, text string) {
	t.Helper()
	out, err := exec.Command(binary, "chain", "verify", "--data", dir).CombinedOutput()
	if exit, is := err.(*exec.ExitError); is { //nolint:errorlint // of Cmd itself
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

// A copy of the folder of a running node either verifies, as of some moment, or
// is named as such a copy. It is never called damaged, nor altered.
func TestACopyOfARunningNode(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Members: 1})
	f := startFollower(t, harness.FollowerOptions{ID: "f1", Upstreams: c.URLs()})
	m := c.Members[0]
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4})
	verified, named, empty := 0, 0, 0
	for i := range 12 {
		must(t, http.StatusOK, http.MethodGet, m.URL+"/mine", "")
		for _, p := range []*harness.Process{&m.Process, &f.Process} {
			dir := filepath.Join(t.TempDir(), fmt.Sprint(p.ID, "-", i))
			// cp goes on where a file vanishes under it.
			_ = exec.Command("cp", "-r", p.Data, dir).Run()
			switch code, text := verifyFolder(t, dir); {
			case code == 0:
				verified++
			case code == 1 && strings.Contains(text, "copy of the folder of a node that ran"):
				named++
			case code == 1 && strings.Contains(text, "is in its raft log"):
				empty++
			default:
				t.Errorf("%s: exit %d: %s", dir, code, text)
			}
		}
	}
	if _, err := load.Stop(); err != nil {
		t.Error(err)
	}
	t.Logf("%d copies verified, %d were named as copies, %d had nothing on disk yet", verified, named, empty)
	if verified == 0 {
		t.Error("no copy of a follower verified")
	}
}

// The same files altered are one thing in the folder that a node has left, and
// another in a copy of it that was made while it ran.
func TestAnAlteredCopyOfARunningNode(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Members: 1})
	m := c.Members[0]
	for range 3 {
		must(t, http.StatusCreated, http.MethodPost, m.URL+"/v1/transactions", `{"sender":"a","recipient":"b","amount":1}`)
		must(t, http.StatusOK, http.MethodGet, m.URL+"/mine", "")
	}
	stop := func() {
		t.Helper()
		if err := m.Terminate(); err != nil {
			t.Fatal(err)
		}
		if code, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil || code != 0 {
			t.Fatalf("%s ended with %d, %v", m.ID, code, err)
		}
	}
	stop() // so that there are tables
	stopped := filepath.Join(t.TempDir(), "stopped")
	copyData(t, stopped, m.Data)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	running := filepath.Join(t.TempDir(), "running")
	copyData(t, running, m.Data)
	if code, text := verifyFolder(t, m.Data); code != 1 || !strings.Contains(text, "another process uses") {
		t.Errorf("of the running node: exit %d: %s", code, text)
	}
	if err := m.Kill(); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{stopped: 5, running: 1, m.Data: 5}
	for dir := range want {
		before := listing(t, dir)
		if code, text := verifyFolder(t, dir); code != 0 {
			t.Errorf("%s: exit %d: %s", dir, code, text)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("verifying changed %s:\n%s\nand was\n%s", dir, after, before)
		}
		tables, err := filepath.Glob(filepath.Join(dir, "state/db-*/*.sst"))
		if err != nil || len(tables) == 0 {
			t.Fatalf("no tables in %s: %v", dir, err)
		}
		for _, table := range tables {
			if err := os.Remove(table); err != nil {
				t.Fatal(err)
			}
		}
	}
	for dir, code := range want {
		if got, text := verifyFolder(t, dir); got != code {
			t.Errorf("%s without its tables: exit %d, want %d: %s", dir, got, code, text)
		}
	}
}

// listing is the names and sizes of all files in the state below a folder.
func listing(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.Command("find", filepath.Join(dir, "state"), "-type", "f", "-printf", "%P %s\n").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}
