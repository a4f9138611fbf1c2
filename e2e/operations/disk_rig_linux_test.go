package operations

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// A volume is a file system of its own, in a file, that a test fills or stalls.
type volume struct {
	t      *testing.T
	dir    string // where it is mounted
	frozen bool
}

// mountVolume makes an ext4 file system of so many megabytes and mounts it. It needs
// root and loop devices; where there are none the test is skipped.
func mountVolume(t *testing.T, dir string, megabytes int64) *volume {
	t.Helper()
	image := dir + ".img"
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(image, nil, 0o600), os.Truncate(image, megabytes<<20)); err != nil {
		t.Fatal(err)
	}
	for _, step := range [][]string{{"mkfs.ext4", "-q", "-m", "0", image}, {"mount", "-o", "loop", image, dir}} {
		if out, err := exec.CommandContext(t.Context(), step[0], step[1:]...).CombinedOutput(); err != nil {
			t.Skipf("no file system in a file can be mounted here: %v: %v: %s", step, err, out)
		}
	}
	v := &volume{t: t, dir: dir}
	t.Cleanup(func() {
		v.thaw()
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return v
}

// freeze lets every write to the volume hang, as a disk that does not answer does.
func (v *volume) freeze() {
	v.t.Helper()
	v.fsfreeze("-f")
	v.frozen = true
}

// thaw lets them go on.
func (v *volume) thaw() {
	v.t.Helper()
	if v.frozen {
		v.frozen = false
		v.fsfreeze("-u")
	}
}

func (v *volume) fsfreeze(flag string) {
	v.t.Helper()
	if out, err := exec.Command("fsfreeze", flag, v.dir).CombinedOutput(); err != nil { //nolint:noctx // it thaws after the test's end as well
		v.t.Fatalf("fsfreeze %s: %v: %s", flag, err, out)
	}
}

// leave fills the volume up to so many bytes; -1 empties it again.
func (v *volume) leave(free int64) {
	v.t.Helper()
	path := filepath.Join(v.dir, "filler")
	if free < 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			v.t.Fatal(err)
		}
		return
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(v.dir, &s); err != nil {
		v.t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		v.t.Fatal(err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		v.t.Fatal(err)
	}
	more := int64(s.Bavail)*s.Bsize - free
	if more <= 0 {
		return
	}
	if err := syscall.Fallocate(int(f.Fd()), 0, info.Size(), more); err != nil {
		v.t.Fatal(err)
	}
}

// startOnVolumes starts three members, each on a volume of its own.
func startOnVolumes(t *testing.T, megabytes int64, args ...string) (*harness.Cluster, map[string]*volume) {
	t.Helper()
	dir, volumes := t.TempDir(), map[string]*volume{}
	for _, id := range []string{"n1", "n2", "n3"} {
		volumes[id] = mountVolume(t, filepath.Join(dir, id), megabytes)
	}
	binary, err := harness.Build(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	c, err := harness.New(harness.Options{Binary: binary, Dir: dir, Args: args})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, v := range volumes {
			v.thaw() // a process that hangs in a write cannot even be killed
		}
		if err := c.KillAll(); err != nil {
			t.Error(err)
		}
		for _, m := range c.Members {
			if t.Failed() {
				t.Logf("log of %s:\n%s", m.ID, m.LogTail(40))
			}
		}
	})
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return c, volumes
}

// awaitOtherLeader waits until another member leads, and returns how long that took.
func awaitOtherLeader(t *testing.T, c *harness.Cluster, old *harness.Member, limit time.Duration) (*harness.Member, time.Duration) {
	t.Helper()
	began := time.Now()
	var leader *harness.Member
	err := harness.Until(t.Context(), limit, "another member leads than "+old.ID, func(ctx context.Context) error {
		for _, m := range c.Members {
			if m.ID == old.ID {
				continue
			}
			if s, err := c.State(ctx, m); err == nil && s.Leader == m.ID {
				leader = m
				return nil
			}
		}
		return errors.New("none says so")
	})
	if err != nil {
		t.Fatal(err)
	}
	return leader, time.Since(began)
}

// verifyDisks checks the whole chain of every member, that they are the same, and that
// what was acknowledged is in it, once.
func verifyDisks(t *testing.T, c *harness.Cluster, sent []harness.Sent) {
	t.Helper()
	leader, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	err = harness.Until(t.Context(), 30*time.Second, "nothing is pending, anywhere", func(ctx context.Context) error {
		var lengths []uint64
		for _, m := range c.Members {
			var info struct {
				Pending int
				Length  uint64
			}
			if err := harness.Get(ctx, c.HTTP, m.URL+"/v1/contracts/aka", &info); err != nil || info.Pending > 0 {
				_ = harness.Get(ctx, c.HTTP, leader.URL+"/mine", nil) // if it may, so soon
				return fmt.Errorf("%s: %d are, %v", m.ID, info.Pending, err)
			}
			if lengths = append(lengths, info.Length); info.Length != lengths[0] {
				return fmt.Errorf("blocks: %d", lengths)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var first [][]byte
	for _, m := range c.Members {
		l, texts, err := verify.Member(t.Context(), c.HTTP, m.URL, "")
		if err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = texts
		}
		if len(texts) != len(first) || !bytes.Equal(bytes.Join(texts, nil), bytes.Join(first, nil)) {
			t.Fatalf("the chain of %s is not that of %s", m.ID, c.Members[0].ID)
		}
		acked := 0
		for _, s := range sent {
			if !s.Acked {
				continue
			}
			acked++
			if at, is := l.Records[s.ID()]; !is || at.Block != s.Ack.Block || at.Position != s.Ack.Position {
				t.Errorf("%s: transfer %s, acknowledged as %+v, is not there", m.ID, s.Key, s.Ack)
			}
		}
		t.Logf("%s: %d blocks verified, all %d acknowledged transfers are there", m.ID, len(texts), acked)
	}
}

// post sends a transfer, and returns the status.
func post(ctx context.Context, c *harness.Cluster, m *harness.Member) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL+"/v1/transactions", bytes.NewReader([]byte(`{"sender":"a","recipient":"b","amount":1}`)))
	if err != nil {
		return 0, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := c.HTTP.Do(request)
	if err != nil {
		return 0, err
	}
	return answer.StatusCode, answer.Body.Close()
}
