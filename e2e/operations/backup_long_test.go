package operations

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/bpsc/bpsc/internal/harness"
)

// s3Server is a real server, built from the Go module proxy.
const s3Server = "github.com/versity/versitygw/cmd/versitygw@v1.8.0"

// startS3 starts an S3 server with a bucket named backups, and returns its URL and
// what a client has in its environment.
func startS3(t *testing.T) (url string, env []string) {
	t.Helper()
	dir := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "install", s3Server)
	build.Dir, build.Env = dir, append(os.Environ(), "GOBIN="+dir, "GOFLAGS=-mod=mod", "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the S3 server: %v\n%s", err, out)
	}
	port, err := harness.FreePort()
	must(t, err, os.Mkdir(filepath.Join(dir, "data"), 0o755))
	at := fmt.Sprintf("127.0.0.1:%d", port)
	server := exec.CommandContext(t.Context(), filepath.Join(dir, "versitygw"), "--port", at, "posix", filepath.Join(dir, "data"))
	server.Env = append(os.Environ(), "ROOT_ACCESS_KEY=AKIATEST", "ROOT_SECRET_KEY=canary-secret")
	must(t, server.Start())
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	client, err := minio.New(at, &minio.Options{Creds: credentials.NewStaticV4("AKIATEST", "canary-secret", ""), BucketLookup: minio.BucketLookupPath})
	must(t, err)
	until(t, 30*time.Second, "the S3 server has a bucket", func(ctx context.Context) error {
		return client.MakeBucket(ctx, "backups", minio.MakeBucketOptions{})
	})
	return "http://" + at, []string{"AWS_ACCESS_KEY_ID=AKIATEST", "AWS_SECRET_ACCESS_KEY=canary-secret"}
}

// Backups go to an S3 server, and a cluster comes from one.
func TestBackupsOnS3(t *testing.T) {
	long(t)
	url, env := startS3(t)
	c := startCluster(t, harness.Options{Contract: everyTwenty})
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 3})
	must(t, load.AwaitMore(t.Context(), 200))
	const place = "s3://backups/one/cluster"
	on := func(code int, args ...string) string {
		t.Helper()
		s := command(t, env, append(args, "--s3-endpoint", url, "--s3-path-style")...)
		if s.code != code || strings.Contains(s.out+s.err, "canary-secret") {
			t.Fatalf("bpsc %s: exit code %d, want %d: %s%s", strings.Join(args, " "), s.code, code, s.out, s.err)
		}
		return s.out
	}
	for range 3 {
		on(0, "backup", "create", place, "--from", c.Members[0].URL)
		on(0, "backup", "create", place, "--from", c.Members[1].URL, "--chains", "--incremental")
		must(t, load.AwaitMore(t.Context(), 50))
	}
	sent, err := load.Stop()
	must(t, err)
	on(0, "backup", "list", place, "--check")
	on(0, "backup", "verify", place)
	gone := strings.Fields(on(0, "backup", "prune", place, "--keep", "1"))
	if len(gone) != 2 {
		t.Errorf("pruned %v: the chain's backups go on from each other", gone)
	}
	on(1, "backup", "list", "s3://nowhere/x")
	must(t, c.KillAll())

	fresh, err := harness.New(harness.Options{Binary: binary, Dir: t.TempDir(), Contract: everyTwenty})
	must(t, err)
	t.Cleanup(func() { _ = fresh.KillAll() })
	for _, m := range fresh.Members {
		on(0, restoring(fresh, m, place)...)
	}
	must(t, fresh.Start(t.Context()))
	saysRestored(t, fresh)
	var all []listedBackup
	must(t, json.Unmarshal([]byte(on(0, "backup", "list", place, "--output", "json")), &all))
	for _, b := range all {
		if b.Manifest.Kind == "state" {
			verifyAll(t, fresh, sentUntil(sent, b.Manifest.Chains[0].Length))
		}
	}
}

// A backup of a million transactions: how fast it is, and what it costs the writers.
func TestBackupOfAMillion(t *testing.T) {
	long(t)
	c := startCluster(t, harness.Options{Contract: `{"token":"aka","wallets":"open","schedule":{"transactions":1000}}`})
	fillChain(t, c, 1_000_000)
	take := func() (rate float64, b listedBackup) {
		place, began := t.TempDir(), time.Now()
		does(t, "backup", "create", "--from", c.Members[0].URL, place)
		took := time.Since(began)
		b = listBackups(t, place)[0]
		return float64(b.Content) / took.Seconds() / 1e6, b
	}
	quiet := p99While(t, c, func() { <-time.After(8 * time.Second) }) // and what came is merged meanwhile
	alone, b := take()
	var beside float64
	busy := p99While(t, c, func() { beside, _ = take() })
	t.Logf("a state of %.0f MB, %.0f MB compressed: %.0f MB/s, and %.0f MB/s while eight clients write; p99 of writes %s before, %s meanwhile",
		float64(b.Content)/1e6, float64(b.Bytes)/1e6, alone, beside, quiet, busy)
	if alone < 100 {
		t.Errorf("%.0f MB/s", alone)
	}
	if busy > 2*quiet {
		t.Errorf("p99 is %s, was %s", busy, quiet)
	}
}

// fillChain has transfers ordered in batches.
func fillChain(t *testing.T, c *harness.Cluster, count int) {
	t.Helper()
	const batch = 1000
	var next atomic.Int64
	var work sync.WaitGroup
	for range 8 {
		work.Go(func() {
			for n := next.Add(1); n <= int64(count/batch); n = next.Add(1) {
				var body bytes.Buffer
				body.WriteString(`{"transactions":[`)
				for i := range batch {
					if i > 0 {
						body.WriteByte(',')
					}
					fmt.Fprintf(&body, `{"key":"fill-%d-%d","sender":"a%d","recipient":"b%d","amount":1}`, n, i, (int(n)*batch+i*7919)%100_000, (i*104729+int(n))%100_000)
				}
				body.WriteString("]}")
				until(t, time.Minute, "a batch is taken", func(ctx context.Context) error {
					req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Members[n%3].URL+"/v1/transactions:batch", bytes.NewReader(body.Bytes()))
					if err != nil {
						return err
					}
					req.Header.Set("Content-Type", "application/json")
					resp, err := c.HTTP.Do(req)
					if err != nil {
						return err
					}
					defer resp.Body.Close()
					if resp.StatusCode/100 != 2 {
						why, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
						return fmt.Errorf("status %d: %s", resp.StatusCode, why)
					}
					_, err = io.Copy(io.Discard, resp.Body)
					return err
				})
			}
		})
	}
	work.Wait()
}

// p99While is that of single writes from eight clients while do runs.
func p99While(t *testing.T, c *harness.Cluster, do func()) time.Duration {
	t.Helper()
	var mu sync.Mutex
	var all []time.Duration
	var stop atomic.Bool
	var work sync.WaitGroup
	for worker := range 8 {
		work.Go(func() {
			for n := 0; !stop.Load(); n++ {
				began := time.Now()
				_, err := c.Submit(t.Context(), c.Members[worker%3].URL, harness.Transfer{Sender: "a1", Recipient: "b1", Amount: "1", Key: fmt.Sprint(worker, "-", began.UnixNano())})
				took := time.Since(began)
				if err != nil {
					t.Log(err)
				}
				mu.Lock()
				all = append(all, took)
				mu.Unlock()
			}
		})
	}
	do()
	stop.Store(true)
	work.Wait()
	slices.Sort(all)
	return all[len(all)*99/100].Round(10 * time.Microsecond)
}
