package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// settable makes a member's wall clock one that setClock sets.
var settable = misdeed{"settable", []harness.Patch{
	{File: "cluster/clock/majority.go", Old: "\t\"slices\"\n", New: "\t\"os\"\n\t\"slices\"\n\t\"strings\"\n"},
	{File: "cluster/clock/majority.go", Old: "wall = time.Time.UnixMicro", New: `wall = func(at time.Time) int64 {
			if !` + isMeant + ` {
				return at.UnixMicro()
			}
			text, _ := os.ReadFile(os.Args[slices.Index(os.Args, "--data")+1] + ".clock")
			ahead, _ := time.ParseDuration(strings.TrimSpace(string(text)))
			return at.Add(ahead).UnixMicro()
		}`},
}}

// setClock sets a member's clock that far ahead of the true time.
func setClock(t *testing.T, m *harness.Member, ahead time.Duration) {
	t.Helper()
	next := m.Data + ".clock.next"
	if err := os.WriteFile(next, []byte(ahead.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(next, m.Data+".clock"); err != nil {
		t.Fatal(err)
	}
}

// A leader whose clock is wrong does not lead, and its time gets into no entry:
// transactions are taken meanwhile and after, and a hold lives as long as it was
// to live.
func TestALeaderWhoseClockIsWrong(t *testing.T) {
	t.Parallel() // most of it waits
	c := startSignedAs(t, doing(t, settable), `{"every":"200ms"}`)
	ann, bob := sign.NewKey("ann"), sign.NewKey("bob")
	c.done(t, c.issuer, payment(ann, 10_000_000), "transfer")
	hold := c.done(t, ann, fresh("hold", sign.Fields{"recipient": bob.Address, "amount": sign.Units(1_000_000), "hold_until": time.Now().Unix() + 3600}), "hold")

	for _, ahead := range []time.Duration{2 * time.Hour, 25 * time.Hour, -2 * time.Hour} {
		wrong, err := c.Leader(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		setClock(t, wrong, ahead)
		err = harness.Until(t.Context(), 5*time.Second, "another member leads", func(ctx context.Context) error {
			c.done(t, ann, payment(bob, 1000), "transfer")
			s, err := c.State(ctx, others(c.Cluster, wrong)[0])
			if err == nil && (s.Leader == "" || s.Leader == wrong.ID) {
				err = fmt.Errorf("%q leads", s.Leader)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		c.saysItsClockIsOff(t, wrong, ahead)
		for i, m := range c.Members {
			if d, err := c.insist(t.Context(), i, c.chain.Sign(ann, payment(bob, 1000))); err != nil || d.Kind != "transfer" {
				t.Errorf("through %s: %+v, %v", m.ID, d, err)
			}
		}
		setClock(t, wrong, 0)
		if err := c.AwaitReady(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}

	c.done(t, ann, payment(bob, 1000), "transfer")
	var state struct{ Status string }
	if must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/v1/holds/"+hold.ID, "").json(t, &state); state.Status != "pending" {
		t.Errorf("the hold of an hour is %s", state.Status)
	}
	var info struct {
		Tip float64 `json:"tip_timestamp"`
	}
	must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/v1/contracts/aka", "").json(t, &info)
	if ahead := time.Until(time.UnixMicro(int64(info.Tip * 1e6))); ahead.Abs() > 5*time.Second {
		t.Errorf("the newest block is %v ahead", ahead)
	}
	verifyCluster(t, c.Cluster, "")
}

// saysItsClockIsOff looks where an operator would.
func (c *signedCluster) saysItsClockIsOff(t *testing.T, m *harness.Member, ahead time.Duration) {
	t.Helper()
	text := func(path string) string {
		return string(call(t, http.MethodGet, m.URL+path, "").body)
	}
	if got := text("/readyz"); !strings.Contains(got, "its clock is") {
		t.Errorf("readyz of %s: %q", m.ID, got)
	}
	if got := text("/metrics"); !strings.Contains(got, "\nbpsc_clock_offset_seconds ") {
		t.Error("no metric for the clock")
	}
	if log := m.LogTail(20); !strings.Contains(log, "its clock is") {
		t.Errorf("log of %s:\n%s", m.ID, log)
	}
	err := harness.Until(t.Context(), 5*time.Second, "the others say it, too", func(ctx context.Context) error {
		var s struct {
			Members []struct {
				ID     string
				Unfit  []string
				Offset int64 `json:"clock_offset_ms"`
			}
		}
		if err := harness.Get(ctx, c.HTTP, others(c.Cluster, m)[0].URL+"/v1/cluster", &s); err != nil {
			return err
		}
		for _, one := range s.Members {
			off := time.Duration(one.Offset) * time.Millisecond
			if one.ID == m.ID && len(one.Unfit) > 0 && (off-ahead).Abs() < time.Second {
				return nil
			}
		}
		return errors.New(fmt.Sprint(s))
	})
	if err != nil {
		t.Error(err)
	}
}

// One member of three may be down, and a cluster of one has nobody to compare
// with: both start and go on, whatever the clocks show.
func TestClocksOfFewMembers(t *testing.T) {
	t.Parallel() // most of it waits
	changed := doing(t, settable)
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			t.Parallel()
			c := startCluster(t, harness.Options{Binary: changed, Members: n})
			if n > 1 {
				if err := c.Members[2].Kill(); err != nil {
					t.Fatal(err)
				}
			}
			leader, err := c.Leader(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, ahead := range []time.Duration{25 * time.Hour, 0} {
				setClock(t, leader, ahead)
				transfer := harness.Transfer{Sender: "a", Recipient: "b", Amount: "1", Key: fmt.Sprint(i)}
				if _, err := c.Submit(t.Context(), leader.URL, transfer); err != nil {
					t.Fatal(err)
				}
			}
			var block struct{ Timestamp float64 }
			must(t, http.StatusOK, http.MethodGet, leader.URL+"/mine", "")
			must(t, http.StatusOK, http.MethodGet, leader.URL+"/v1/blocks/2", "").json(t, &block)
			if ahead := time.Until(time.UnixMicro(int64(block.Timestamp * 1e6))); ahead > 5*time.Second {
				t.Errorf("the block is %v ahead", ahead)
			}
		})
	}
}
