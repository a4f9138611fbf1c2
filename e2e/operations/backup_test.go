package operations

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// Backups are taken under load from each member and from a follower, also while a
// member is down; all of them verify; and a cluster that is made from one goes on.
func TestAClusterIsRestoredFromABackup(t *testing.T) {
	c := startCluster(t, harness.Options{Contract: everyTwenty})
	f, err := harness.NewFollower(harness.FollowerOptions{Binary: binary, Dir: t.TempDir(), ID: "f", Upstreams: c.URLs()})
	must(t, err, f.Start())
	t.Cleanup(func() { _ = f.Kill() })
	must(t, f.AwaitReady(t.Context(), 20*time.Second))
	place := filepath.Join(t.TempDir(), "backups")

	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 8, Seed: 1})
	must(t, load.AwaitMore(t.Context(), 200))
	until(t, 20*time.Second, "a checkpoint on the follower", func(context.Context) error {
		answer, err := http.Get(f.URL + "/v1/contracts/aka/checkpoint")
		if err == nil && answer.StatusCode != http.StatusOK {
			err = errors.New(answer.Status)
		}
		if answer != nil {
			err = errors.Join(err, answer.Body.Close())
		}
		return err
	})
	does(t, "backup", "create", "--from", f.URL, place) // it has chains only
	for _, m := range c.Members {
		does(t, "backup", "create", "--from", m.URL, place)
		must(t, load.AwaitMore(t.Context(), 50))
	}
	does(t, "backup", "create", "--from", f.URL, "--chains", "--incremental", place)
	leader, _ := view(t, c)
	down := c.Members[0]
	if down == leader {
		down = c.Members[1]
	}
	must(t, down.Kill(), load.AwaitMore(t.Context(), 50))
	does(t, "backup", "create", "--from", leader.URL, place)
	sent, err := load.Stop()
	must(t, err)

	all := listBackups(t, place, "--check")
	var names []string
	for _, b := range all {
		if b.State != "whole" {
			t.Errorf("%s is %s", b.Name, b.State)
		}
		names = append(names, b.Name)
	}
	if len(all) != 6 {
		t.Fatalf("backups: %v", names)
	}
	out := does(t, append([]string{"backup", "verify", place}, names...)...)
	if strings.Count(out, "checked and good: files, rows, blocks") != 4 || strings.Count(out, "checked and good: files, blocks") != 2 {
		t.Errorf("it was verified: %s", out)
	}
	must(t, c.KillAll())

	last := all[len(all)-1]
	whole := restored(t, harness.Options{}, place)
	saysRestored(t, whole)
	if got := blockHash(t, whole, whole.Members[0], last.Manifest.Chains[0].Length); got != last.Manifest.Chains[0].Tip {
		t.Errorf("block %d has hash %s, in the backup %s", last.Manifest.Chains[0].Length, got, last.Manifest.Chains[0].Tip)
	}
	more := whole.StartLoad(t.Context(), harness.LoadOptions{Workers: 4, Seed: 2})
	must(t, more.AwaitMore(t.Context(), 100))
	after, err := more.Stop()
	must(t, err)
	verifyAll(t, whole, append(after, sentUntil(sent, last.Manifest.Chains[0].Length)...))
	for _, m := range whole.Members {
		does(t, "chain", "verify", "--server", m.URL)
	}

	t.Run("onto data", func(t *testing.T) {
		m := whole.Members[0]
		ends(t, 2, "there is something in the folder", restoring(whole, m, place)...)
	})
	t.Run("as of a block", func(t *testing.T) {
		const block = 7
		c := restored(t, harness.Options{}, place, "--at-block", "7")
		saysRestored(t, c)
		if got, want := blockHash(t, c, c.Members[0], block), blockHash(t, whole, whole.Members[0], block); got != want {
			t.Errorf("block %d has hash %s, in the old cluster %s", block, got, want)
		}
		verifyAll(t, c, sentUntil(sent, block))
	})
	t.Run("that is damaged", func(t *testing.T) { refusesDamaged(t, place, last.Name) })
}

// sentUntil are the transfers that a block has until that one.
func sentUntil(sent []harness.Sent, block uint64) (some []harness.Sent) {
	for _, s := range sent {
		if s.Acked && s.Ack.Block > 0 && s.Ack.Block <= block {
			some = append(some, s)
		}
	}
	return some
}

// refusesDamaged has an archive changed, cut short, and be something else.
func refusesDamaged(t *testing.T, place, name string) {
	good, err := os.ReadFile(filepath.Join(place, name))
	must(t, err)
	changed := append([]byte{}, good...)
	changed[len(changed)/3] ^= 1
	c, err := harness.New(harness.Options{Binary: binary, Dir: t.TempDir()})
	must(t, err)
	for what, text := range map[string][]byte{"changed": changed, "cut short": good[:len(good)-100], "none": []byte("no backup"), "empty": nil} {
		file := filepath.Join(t.TempDir(), "backup.tar.zst")
		must(t, os.WriteFile(file, text, 0o600))
		ends(t, 5, "backup_damaged", "backup", "verify", file)
		m := c.Members[0]
		ends(t, 5, "backup_damaged", restoring(c, m, file)...)
		left, err := filepath.Glob(m.Data + "*")
		must(t, err)
		for _, path := range left {
			if info, err := os.Stat(path); err == nil && info.IsDir() {
				t.Errorf("%s: the restore has left %s", what, path)
			}
		}
	}
}

// A backup that is older than what a witness has cosigned would undo what clients rely
// on: it is restored only by who says so.
func TestARestoreThatIsOlderThanTheWitness(t *testing.T) {
	long(t)
	c, w, witnesses := witnessed(t)
	place := t.TempDir()
	pay := func(count int) {
		for i := range count {
			_, err := c.Submit(t.Context(), c.Members[0].URL, harness.Transfer{Sender: "a", Recipient: "b", Amount: "1", Key: fmt.Sprint(time.Now().UnixNano(), i)})
			must(t, err)
		}
	}
	pay(3)
	awaitWitnessed(t, c.Members[0], 4, w.Policy)
	does(t, "backup", "create", "--from", c.Members[0].URL, place)
	fresh, err := harness.New(harness.Options{Binary: binary, Dir: t.TempDir()})
	must(t, err)
	does(t, restoring(fresh, fresh.Members[0], place, "--witnesses", witnesses)...) // it has seen no more
	pay(2)
	awaitWitnessed(t, c.Members[0], 6, w.Policy)
	ends(t, 2, "a witness has seen newer blocks", restoring(fresh, fresh.Members[1], place, "--witnesses", witnesses)...)
	ends(t, 2, "newer transactions will be lost", restoring(fresh, fresh.Members[1], place, "--witnesses", witnesses, "--older-than-witness", "yes")...)
	does(t, restoring(fresh, fresh.Members[1], place, "--witnesses", witnesses, "--older-than-witness", "newer transactions will be lost")...)
	must(t, w.Kill())
	ends(t, 1, "it is not known", restoring(fresh, fresh.Members[2], place, "--witnesses", witnesses)...)
}
