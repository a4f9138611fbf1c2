package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// What the operating system refuses is named as that, with what to do, and not
// called damage: an operator would throw away what is sound. When it is mended
// the member goes on as if nothing had been.
func TestSystemErrorsAreNamed(t *testing.T) {
	c := startCluster(t, harness.Options{Members: 1})
	m := c.Members[0]
	pay(t, m.URL, `{"sender":"a","recipient":"b","amount":1}`)
	if err := m.Terminate(); err != nil {
		t.Fatal(err)
	}
	mustEnd(t, &m.Process, exitOK)

	for _, name := range []string{"LOCK", "member.key", "state/CURRENT", "raft/raft.db", "raft/vote.json", "raft/starts.json", "raft/memory.json"} {
		t.Run(name, func(t *testing.T) { // a link to itself: an error for root, too
			path := filepath.Join(m.Data, name)
			if err := errors.Join(os.Rename(path, path+".kept"), os.Symlink(filepath.Base(path), path)); err != nil {
				t.Fatal(err)
			}
			refuseToStart(t, m)
			mustNotSayDamaged(t, m.LogTail(60), "too many levels of symbolic links")
			if err := os.Rename(path+".kept", path); err != nil {
				t.Fatal(err)
			}
		})
	}
	startAll(t, c)
	if l := verifyCluster(t, c, ""); len(l.Records) != 1 {
		t.Errorf("%d records", len(l.Records))
	}
}

func mustNotSayDamaged(t *testing.T, said, but string) {
	t.Helper()
	if strings.Contains(said, "is damaged") || strings.Contains(said, "goroutine ") || !strings.Contains(said, but) {
		t.Errorf("it does not say %q, or more:\n%s", but, said)
	}
}
