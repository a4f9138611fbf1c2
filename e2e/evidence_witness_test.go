package e2e

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// witnessed is a cluster whose checkpoints count once one of two witnesses has
// cosigned them.
type witnessed struct {
	*harness.Cluster
	judge
	w1, w2 *harness.Witness
}

func startWitnessed(t *testing.T) *witnessed {
	t.Helper()
	dir := t.TempDir()
	c := &witnessed{}
	var lines string
	for name, w := range map[string]**harness.Witness{"w1": &c.w1, "w2": &c.w2} {
		var err error
		if *w, err = harness.NewWitness(t.Context(), binary, dir, name); err != nil {
			t.Fatal(err)
		}
		lines += (*w).Line
		t.Cleanup(func() {
			if err := (*w).Kill(); err != nil {
				t.Error(err)
			}
			if t.Failed() {
				t.Logf("log of %s:\n%s", name, (*w).LogTail(20))
			}
		})
	}
	file := filepath.Join(dir, "witnesses")
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	c.Cluster = startCluster(t, harness.Options{Contract: oneEach, Args: []string{"--witnesses", file, "--witness-quorum", "1"}})
	c.judge = newJudge(t, c.Cluster)
	policy, err := os.ReadFile(c.policy)
	if err != nil || !strings.Contains(string(policy), "group witnesses 1 ") {
		t.Fatalf("the policy asks for no witness: %s (%v)", policy, err)
	}
	for _, w := range []*harness.Witness{c.w1, c.w2} {
		if err := os.WriteFile(w.Policy, policy, 0o600); err != nil {
			t.Fatal(err)
		}
		c.watch(t, w)
	}
	return c
}

// watch starts a witness.
func (c *witnessed) watch(t *testing.T, w *harness.Witness) {
	t.Helper()
	if err := w.Start(); err != nil {
		t.Fatal(err)
	}
	if err := w.AwaitLive(t.Context(), patience); err != nil {
		t.Fatal(err)
	}
}

// grow adds a block, and waits until all members have a checkpoint of it that
// the policy takes.
func (c *witnessed) grow(t *testing.T) harness.Ack {
	t.Helper()
	ack := pay(t, c.Members[0].URL, `{"sender":"a","recipient":"b","amount":1}`)
	for _, m := range c.Members {
		signed := awaitCheckpoint(t, m.URL, "", int(ack.Block))
		if len(cosigners(signed)) == 0 {
			t.Errorf("%s has a checkpoint of %d blocks without a witness: %v", m.ID, signed.size, signed.signers)
		}
		c.accepts(t, receipt(t, m.URL, "", ack))
	}
	return ack
}

// cosigners are the witnesses among those who signed.
func cosigners(c checkpoint) []string {
	return slices.DeleteFunc(slices.Clone(c.signers), func(name string) bool { return !strings.Contains(name, "/witness/") })
}

func TestWitnesses(t *testing.T) {
	t.Parallel() // most of it waits
	c := startWitnessed(t)
	t.Run("both", func(t *testing.T) {
		ack := c.grow(t)
		sentence := c.accepts(t, receipt(t, c.Members[0].URL, "", ack))[0]
		if !strings.Contains(sentence, "witnessed by w") {
			t.Error(sentence)
		}
	})
	t.Run("one that hangs", func(t *testing.T) {
		if err := c.w1.Pause(); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		c.grow(t)
		c.grow(t)
		if took := time.Since(start); took > 10*time.Second { // what a member gives a witness
			t.Errorf("two checkpoints took %s", took)
		}
	})
	t.Run("one", func(t *testing.T) {
		kill(t, &c.w1.Process)
		c.grow(t)
	})
	t.Run("none", func(t *testing.T) {
		kill(t, &c.w2.Process)
		before := awaitCheckpoint(t, c.Members[0].URL, "", 1)
		var ack harness.Ack
		for range 3 { // transfers go on
			ack = pay(t, c.Members[1].URL, `{"sender":"a","recipient":"b","amount":2}`)
		}
		if a := call(t, http.MethodGet, fmt.Sprintf("%s/v1/contracts/aka/checkpoint?size=%d", c.Members[0].URL, ack.Block), ""); a.status == http.StatusOK {
			t.Errorf("a checkpoint without a witness: %s", a)
		}
		for _, m := range c.Members {
			if signed := awaitCheckpoint(t, m.URL, "", 1); signed.size != before.size {
				t.Errorf("%s has a checkpoint of %d blocks", m.ID, signed.size)
			}
		}
		c.watch(t, c.w1)
		for _, m := range c.Members {
			awaitCheckpoint(t, m.URL, "", int(ack.Block))
			c.accepts(t, receipt(t, m.URL, "", ack))
		}
	})
}

// All members are restored from an older backup, with all that they remember.
// The witnesses are not, and find out.
func TestRestoredFromBackup(t *testing.T) {
	t.Parallel() // most of it waits
	c := startWitnessed(t)
	kept := c.grow(t)
	c.stop(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := os.Mkdir(backup, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, m := range c.Members {
		copyData(t, filepath.Join(backup, m.ID), m.Data)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	var lost harness.Ack
	for range 3 {
		lost = c.grow(t)
	}
	c.stop(t)
	for _, m := range c.Members {
		replaceData(t, m, filepath.Join(backup, m.ID))
		if err := m.Start(); err != nil {
			t.Fatal(err)
		}
	}
	awaitOneUnready(t, c.Cluster, "witness", "went back in time")

	// The restored cluster writes another history, shorter than the lost one at
	// first and then longer.
	for size := kept.Block + 1; size <= lost.Block+2; size++ {
		ack := pay(t, c.Members[0].URL, `{"sender":"b","recipient":"a","amount":9}`)
		if ack.Block != size {
			t.Fatalf("block %d, not %d", ack.Block, size)
		}
	}
	awaitOneUnready(t, c.Cluster, "will never cosign these")
	for _, m := range c.Members {
		signed := awaitCheckpoint(t, m.URL, "", 1)
		if signed.size > int(kept.Block) {
			t.Errorf("%s has a checkpoint of %d blocks, by %v", m.ID, signed.size, signed.signers)
		}
		c.accepts(t, receipt(t, m.URL, "", kept))
	}
}

// stop ends all members in order.
func (c *witnessed) stop(t *testing.T) {
	t.Helper()
	for _, m := range c.Members {
		if err := m.Terminate(); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Members {
		mustEnd(t, &m.Process, exitOK)
	}
}

func kill(t *testing.T, p *harness.Process) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Fatal(err)
	}
}

// awaitOneUnready waits until the leader says what is wrong, in /readyz and in
// its log.
func awaitOneUnready(t *testing.T, c *harness.Cluster, says ...string) {
	t.Helper()
	err := harness.Until(t.Context(), patience, "the leader says what is wrong", func(ctx context.Context) error {
		leader, err := c.Leader(ctx)
		if err != nil {
			return err
		}
		_, err = getText(ctx, client, leader.URL+"/readyz")
		said, log := fmt.Sprint(err), leader.LogTail(40)
		for _, text := range says {
			if err == nil || !strings.Contains(said, text) || !strings.Contains(log, text) {
				return fmt.Errorf("it does not say %q: %s\n%s", text, said, log)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
