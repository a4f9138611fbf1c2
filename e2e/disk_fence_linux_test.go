package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/protocol"
)

// fencedReserve is what the processes of these tests keep free, and fenced leaves a
// little less than that.
const (
	fencedReserve = "24MiB"
	fenced        = 20 << 20
)

// tryTransfer asks a node for a transfer, and returns the problem of the answer, if it
// is one.
func tryTransfer(ctx context.Context, url string) (status int, p protocol.Problem, err error) {
	body := strings.NewReader(`{"sender":"a","recipient":"b","amount":1}`)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/transactions", body)
	if err != nil {
		return 0, p, err
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(request)
	if err != nil {
		return 0, p, err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		err = json.NewDecoder(answer.Body).Decode(&p)
	}
	return answer.StatusCode, p, err
}

// awaitRefusal waits until a node takes no writes, for want of room.
func awaitRefusal(t *testing.T, url string) {
	t.Helper()
	err := harness.Until(t.Context(), 10*time.Second, url+" refuses writes for want of room", func(ctx context.Context) error {
		status, p, err := tryTransfer(ctx, url)
		if err != nil || status != http.StatusServiceUnavailable || p.Code != "disk_full" || !p.Retryable || !strings.Contains(p.Detail, "to stay free") {
			return fmt.Errorf("%d %+v, %v", status, p, err)
		}
		// One that refuses because the others are short may be a moment before it is itself.
		if err := harness.Get(ctx, client, url+"/readyz", nil); err == nil || !strings.Contains(err.Error(), "to stay free") {
			return fmt.Errorf("it says of its readiness: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A leader whose disk has less room than it is to have makes way for a member with
// room and takes no writes; where that leaves no majority nobody takes any. All go on
// serving reads, and taking writes once there is room, without anybody's help.
func TestWritesStopBeforeTheDiskIsFull(t *testing.T) {
	t.Parallel() // most of it waits
	dir := t.TempDir()
	disks := map[string]*smallDisk{}
	for _, id := range []string{"n1", "n2", "n3"} {
		disks[id] = mountSmallDisk(t, filepath.Join(dir, id), 64)
	}
	c := startCluster(t, harness.Options{Dir: dir, Args: []string{"--min-free", fencedReserve}})
	must(t, http.StatusCreated, http.MethodPost, c.Members[0].URL+"/v1/transactions", `{"sender":"a","recipient":"b","amount":1}`)
	old, err := c.Leader(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	disks[old.ID].leave(fenced)
	awaitRefusal(t, old.URL)
	var other *harness.Member
	err = harness.Until(t.Context(), 10*time.Second, "a member with room leads", func(ctx context.Context) (err error) {
		if other, err = c.Leader(ctx); err == nil && other.ID == old.ID {
			err = errors.New("it is still " + old.ID)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, http.StatusCreated, http.MethodPost, other.URL+"/v1/transactions", `{"sender":"a","recipient":"b","amount":1}`)
	must(t, http.StatusOK, http.MethodGet, old.URL+"/v1/accounts/b", "")

	for _, d := range disks {
		d.leave(fenced)
	}
	for _, m := range c.Members {
		awaitRefusal(t, m.URL)
		must(t, http.StatusOK, http.MethodGet, m.URL+"/v1/accounts/b", "")
	}
	disks[other.ID].leave(-1)
	err = harness.Until(t.Context(), 10*time.Second, "the one with room is ready, and refuses what no majority can hold", func(ctx context.Context) error {
		status, p, err := tryTransfer(ctx, other.URL)
		ready := harness.Get(ctx, client, other.URL+"/readyz", nil)
		if err != nil || status != http.StatusServiceUnavailable || ready != nil || !strings.Contains(p.Detail, "no majority") {
			return fmt.Errorf("%d %+v, %v, %v", status, p, err, ready)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range disks {
		d.leave(-1)
	}
	if err := c.AwaitReady(t.Context(), 15*time.Second); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Members {
		// It hears of the others' room every half second.
		err := harness.Until(t.Context(), 10*time.Second, m.ID+" takes writes again", func(ctx context.Context) error {
			if status, p, err := tryTransfer(ctx, m.URL); err != nil || status != http.StatusCreated {
				return fmt.Errorf("%d %+v, %v", status, p, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	must(t, http.StatusOK, http.MethodGet, old.URL+"/mine", "")
	if l := verifyCluster(t, c, ""); len(l.Records) < 5 {
		t.Errorf("%d records, 5 were acknowledged", len(l.Records))
	}
}

// A follower with too little room serves what it has, takes nothing for its own
// chain, and fetches the rest once there is room.
func TestAFollowerStopsBeforeTheDiskIsFull(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{Members: 1})
	dir := t.TempDir()
	disk := mountSmallDisk(t, filepath.Join(dir, "f1"), 64)
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: dir, ID: "f1", Upstreams: c.URLs(), Args: []string{"--min-free", fencedReserve}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Kill() })
	if err := errors.Join(f.Start(), f.AwaitReady(t.Context(), 20*time.Second)); err != nil {
		t.Fatal(err)
	}
	disk.leave(fenced)
	err = harness.Until(t.Context(), 10*time.Second, "it says so", func(ctx context.Context) error {
		if err := harness.Get(ctx, client, f.URL+"/readyz", nil); err == nil || !strings.Contains(err.Error(), "to stay free") {
			return fmt.Errorf("it says %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	must(t, http.StatusServiceUnavailable, http.MethodPost, f.URL+"/information/new", `{"information":1}`)
	must(t, http.StatusCreated, http.MethodPost, f.URL+"/v1/transactions", `{"sender":"a","recipient":"b","amount":1}`)
	must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/mine", "")
	must(t, http.StatusOK, http.MethodGet, f.URL+"/v1/blocks/1", "")
	if err := f.AwaitLength(t.Context(), "", 2, 2*time.Second); err == nil {
		t.Error("it follows on a disk that is short")
	}
	disk.leave(-1)
	if err := f.AwaitLength(t.Context(), "", 2, 20*time.Second); err != nil {
		t.Error(err)
	}
	if err := f.AwaitReady(t.Context(), 10*time.Second); err != nil {
		t.Error(err)
	}
}
