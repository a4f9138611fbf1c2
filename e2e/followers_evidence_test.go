package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// An upstream that changes one digit is found out: what it says is kept as
// evidence, and the honest chain comes from somebody else.
func TestLyingUpstream(t *testing.T) {
	c := startCluster(t, harness.Options{Members: 1})
	for _, amount := range []string{"1", "12.5", "3"} { // the middle one is what a forger changes
		body := fmt.Sprintf(`{"sender":"a","recipient":"b","amount":%s}`, amount)
		must(t, http.StatusCreated, http.MethodPost, c.Members[0].URL+"/v1/transactions", body)
		must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/mine", "")
	}
	upstreams := []string{forger(t, c.Members[0]), c.Members[0].URL}

	t.Run("the honest bytes win", func(t *testing.T) {
		f := startFollower(t, harness.FollowerOptions{ID: "f", Upstreams: upstreams})
		verifyFollowers(t, c, "", f)
		err := harness.Until(t.Context(), 10*time.Second, "it says that there is evidence", func(context.Context) error {
			if a := call(t, http.MethodGet, f.URL+"/readyz", ""); a.status != http.StatusServiceUnavailable || !bytes.Contains(a.body, []byte("evidence")) {
				return fmt.Errorf("readyz: %s", a)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
		checkEvidence(t, f)
		if a := call(t, http.MethodGet, f.URL+"/v1/sync", ""); !bytes.Contains(a.body, []byte(filepath.Base(evidence(t, f)[0]))) {
			t.Errorf("the evidence is not in the status: %s", a)
		}
		// Evidence and the good chain survive a crash.
		if err := f.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := f.Start(); err != nil {
			t.Fatal(err)
		}
		verifyFollowers(t, c, "", f)
		if a := call(t, http.MethodGet, f.URL+"/readyz", ""); a.status != http.StatusServiceUnavailable || !bytes.Contains(a.body, []byte("evidence")) {
			t.Errorf("after a restart, readyz: %s", a)
		}
		// Whoever has looked at it takes it away.
		for _, file := range evidence(t, f) {
			if err := os.Remove(file); err != nil {
				t.Error(err)
			}
		}
		if err := f.AwaitReady(t.Context(), patience); err != nil {
			t.Error(err)
		}
	})
	t.Run("strict followers end", func(t *testing.T) {
		f := startFollower(t, harness.FollowerOptions{ID: "f", Upstreams: upstreams, Args: []string{"--strict"}})
		code, err := f.AwaitExit(t.Context(), 20*time.Second)
		if err != nil || code != exitInvalid {
			t.Errorf("exit code %d, %v; it says:\n%s", code, err, f.LogTail(20))
		}
		checkEvidence(t, f)
	})
}

// checkEvidence looks for what the forger said.
func checkEvidence(t *testing.T, f *harness.Follower) {
	t.Helper()
	files := evidence(t, f)
	if len(files) == 0 {
		t.Fatal("nothing is kept")
	}
	if text, err := os.ReadFile(files[0]); err != nil || !bytes.Contains(text, []byte(`\"amount_send\": 13.5`)) {
		t.Errorf("%s does not hold the forged amount: %s (%v)", files[0], text, err)
	}
}

// evidence lists the files that a follower keeps against its upstreams.
func evidence(t *testing.T, f *harness.Follower) (files []string) {
	t.Helper()
	err := filepath.WalkDir(f.Data, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && strings.Contains(strings.TrimPrefix(path, f.Data), "evidence") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return files
}
