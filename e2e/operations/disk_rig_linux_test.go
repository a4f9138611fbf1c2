package operations

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

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
	if out, err := exec.Command("fsfreeze", flag, v.dir).CombinedOutput(); err != nil {
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
	c := startCluster(t, harness.Options{Dir: dir, Args: args})
	t.Cleanup(func() {
		for _, v := range volumes {
			v.thaw() // a process that hangs in a write cannot even be killed
		}
	})
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
