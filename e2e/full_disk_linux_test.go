package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// smallDisk is a file system of its own that the test fills.
type smallDisk struct {
	t   *testing.T
	dir string
}

// mountSmallDisk needs root; where it may not mount, the test is skipped.
func mountSmallDisk(t *testing.T, dir string, megabytes int) *smallDisk {
	t.Helper()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", megabytes))
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.EACCES) {
		t.Skip("mounting is not permitted here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return &smallDisk{t, dir}
}

// leave fills the disk up to so many bytes; -1 empties it again.
func (d *smallDisk) leave(free int64) {
	d.t.Helper()
	path := filepath.Join(d.dir, "filler")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	if free < 0 {
		return
	}
	var s syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &s); err != nil {
		d.t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, s.Bsize)
	for left := int64(s.Bavail) * s.Bsize; left > free; left -= s.Bsize {
		if _, err := f.Write(block); errors.Is(err, syscall.ENOSPC) {
			return // somebody else has taken the rest
		} else if err != nil {
			d.t.Fatal(err)
		}
	}
}

// namesTheFullDisk holds what a process printed since it had so many bytes
// against what it should print where the disk is full.
func namesTheFullDisk(t *testing.T, p *harness.Process, from int64) {
	t.Helper()
	text, err := os.ReadFile(p.Log)
	if err != nil {
		t.Fatal(err)
	}
	said := string(text[min(from, int64(len(text))):])
	if !strings.Contains(said, "no space left on device") || !strings.Contains(said, "the disk is full") {
		t.Errorf("%s does not say that the disk is full:\n%s", p.ID, said)
	}
	if strings.Contains(said, "goroutine ") || strings.Contains(said, "damaged:") {
		t.Errorf("%s panics, or blames the data:\n%.2000s", p.ID, said)
	}
	if lines := strings.Count(said, "\n"); lines > 150 {
		t.Errorf("%s printed %d lines", p.ID, lines)
	}
}

func sizeOf(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// endsOrIsReady starts a process that has little room. It ends with a message
// and a code that means it, or it serves.
func endsOrIsReady(t *testing.T, p *harness.Process, ready func(context.Context, time.Duration) error) {
	t.Helper()
	from := sizeOf(t, p.Log)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	err := harness.Until(t.Context(), 30*time.Second, p.ID+" ends or is ready", func(ctx context.Context) error {
		if !p.Alive() {
			return nil
		}
		if err := ready(ctx, 100*time.Millisecond); err != nil && p.Alive() {
			return fmt.Errorf("neither: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Errorf("%v\n%s", err, p.LogTail(20))
	}
	if p.Alive() {
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		return
	}
	if code, err := p.AwaitExit(t.Context(), time.Second); err != nil || code != 1 && code != 70 {
		t.Errorf("%s ended with %d, %v", p.ID, code, err)
	}
	namesTheFullDisk(t, p, from)
}

// A member that may fill its disk, and whose disk is full, ends and says so, at every start as well, and
// when there is room it has all that it acknowledged, and signs.
func TestAMemberOnAFullDisk(t *testing.T) {
	t.Parallel() // most of it waits
	dir := t.TempDir()
	disk := mountSmallDisk(t, filepath.Join(dir, "n1"), 48)
	c, err := harness.New(harness.Options{Binary: binary, Dir: dir, Members: 1, Args: []string{"--min-free", "0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.KillAll() })
	m := c.Members[0]
	ready := func(ctx context.Context, limit time.Duration) error { return c.AwaitReady(ctx, limit) }

	// The first start, with ever more room. What it leaves is no obstacle.
	for _, free := range []int64{0, 4 << 10, 16 << 10, 64 << 10, 256 << 10} {
		disk.leave(free)
		endsOrIsReady(t, &m.Process, ready)
	}
	disk.leave(-1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	disk.leave(0)
	from, acked := sizeOf(t, m.Log), 0
	err = harness.Until(t.Context(), 20*time.Second, "the member ends", func(ctx context.Context) error {
		if !m.Alive() {
			return nil
		}
		body := fmt.Sprintf(`{"sender":"a","recipient":"b","amount":1,"memo":%q}`, strings.Repeat("m", 200))
		answer, err := http.Post(m.URL+"/v1/transactions", "application/json", strings.NewReader(body))
		if err == nil {
			if answer.StatusCode == http.StatusCreated {
				acked++
			}
			_ = answer.Body.Close()
		}
		return errors.New("it runs")
	})
	if err != nil {
		t.Fatal(err)
	}
	if code, err := m.AwaitExit(t.Context(), time.Second); err != nil || code != 70 {
		t.Errorf("it ended with %d, %v", code, err)
	}
	namesTheFullDisk(t, &m.Process, from)
	for _, free := range []int64{0, 4 << 10, 8 << 10, 32 << 10} {
		disk.leave(free)
		endsOrIsReady(t, &m.Process, ready)
	}
	disk.leave(-1)
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	must(t, http.StatusOK, http.MethodGet, m.URL+"/mine", "")
	var account struct{ Records int }
	if err := harness.Get(t.Context(), c.HTTP, m.URL+"/v1/accounts/b", &account); err != nil || account.Records < acked {
		t.Errorf("%d transfers were acknowledged, and there are %d: %v", acked, account.Records, err)
	}
	awaitSigned(t, m.URL)
}

// A member that could not write down what it signs, for want of room, signs again
// when there is some, without a restart.
func TestAMemberSignsAgainWhenThereIsRoom(t *testing.T) {
	dir := t.TempDir()
	disk := mountSmallDisk(t, filepath.Join(dir, "n1", "attest"), 1)
	c, err := harness.New(harness.Options{Binary: binary, Dir: dir, Members: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.KillAll() })
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	m := c.Members[0]
	awaitSigned(t, m.URL)
	disk.leave(0)
	must(t, http.StatusOK, http.MethodGet, m.URL+"/mine", "")
	err = harness.Until(t.Context(), 10*time.Second, "the member says that it cannot sign", func(context.Context) error {
		if !strings.Contains(m.LogTail(5), "until there is room again") {
			return errors.New(m.LogTail(5))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	disk.leave(-1)
	awaitSigned(t, m.URL)
	if err := c.AwaitReady(t.Context(), 10*time.Second); err != nil {
		t.Error(err)
	}
}

// awaitSigned waits until the member has signed its whole default chain.
func awaitSigned(t *testing.T, url string) {
	t.Helper()
	var info struct{ Length int }
	if err := harness.Get(t.Context(), client, url+"/v1/contracts/aka", &info); err != nil {
		t.Fatal(err)
	}
	awaitCheckpoint(t, url, "aka", info.Length)
}

// A follower that may fill its disk, and whose disk is full, serves on or ends, and says why in a few lines.
// When there is room it goes on from what it has.
func TestAFollowerOnAFullDisk(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Members: 1})
	dir := t.TempDir()
	disk := mountSmallDisk(t, filepath.Join(dir, "f1"), 24)
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: dir, ID: "f1", Upstreams: c.URLs(), Args: []string{"--min-free", "0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Kill() })
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.AwaitReady(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	disk.leave(0)
	from := sizeOf(t, f.Log)
	transfers := strings.Repeat(`{"sender":"a","recipient":"b","amount":1},`, 500)
	for range 20 {
		must(t, http.StatusOK, http.MethodPost, c.Members[0].URL+"/v1/transactions:batch", `{"transactions":[`+strings.TrimSuffix(transfers, ",")+`]}`)
		must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/mine", "")
	}
	// It says why last of all: what is in memory is written again for some seconds first.
	err = harness.Until(t.Context(), 15*time.Second, "the follower has met the full disk and says so", func(context.Context) error {
		if text := f.LogTail(10); f.Alive() && !strings.Contains(text, "the disk is full") {
			return errors.New(text)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Alive() {
		if code, err := f.AwaitExit(t.Context(), time.Second); err != nil || code != 70 && code != 1 {
			t.Errorf("it ended with %d, %v", code, err)
		}
	}
	namesTheFullDisk(t, &f.Process, from)
	for _, free := range []int64{0, 8 << 10} {
		if err := f.Kill(); err != nil {
			t.Fatal(err)
		}
		disk.leave(free)
		endsOrIsReady(t, &f.Process, f.AwaitReady)
	}
	disk.leave(-1)
	if err := f.Start(); err != nil {
		t.Fatal(err)
	}
	if err := f.AwaitLength(t.Context(), "", 21, 20*time.Second); err != nil {
		t.Error(err)
	}
}
