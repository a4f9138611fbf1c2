package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// restart stops a member as an operator would and starts it again.
func restart(t *testing.T, c *harness.Cluster, m *harness.Member) {
	t.Helper()
	if err := m.Terminate(); err != nil {
		t.Fatal(err)
	}
	if code, err := m.AwaitExit(t.Context(), 20*time.Second); code != 0 || err != nil {
		t.Fatalf("%s ended with exit code %d: %v", m.ID, code, err)
	}
	if err := c.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A refusal changes what members remember and nothing else. A member that was
// restarted before it and after it still says the same of the state as the
// others, whichever of them were restarted.
func TestARefusalBetweenRestarts(t *testing.T) {
	c := startSigned(t, `{}`)
	for name, restarted := range map[string][]*harness.Member{"one": c.Members[2:], "two": c.Members[:2]} {
		t.Run(name, func(t *testing.T) {
			for _, m := range restarted {
				restart(t, c.Cluster, m)
			}
			poor := sign.NewKey("poor, " + name)
			refused, err := c.insist(t.Context(), 0, c.chain.Sign(poor, payment(c.issuer, 5)))
			if err != nil || refused.Code != "insufficient_funds" {
				t.Fatal(refused, err)
			}
			leader, err := c.Leader(t.Context()) // who refused; the others hear of it later
			if err != nil {
				t.Fatal(err)
			}
			awaitSameIndex(t, c.Cluster, leader)
			for _, m := range restarted {
				restart(t, c.Cluster, m)
			}
			var block struct{ Index int }
			must(t, http.StatusOK, http.MethodGet, c.Members[0].URL+"/mine", "").json(t, &block)
			for _, m := range c.Members {
				err := harness.Until(t.Context(), patience, m.ID+" knows the words of all", func(ctx context.Context) error {
					_, signed, err := getCheckpoint(ctx, client, m.URL, "", block.Index)
					if err == nil && len(signed.signers) < len(c.Members) {
						err = fmt.Errorf("%v have signed", signed.signers)
					}
					if err == nil && !m.Alive() {
						err = harness.Permanent(fmt.Errorf("%s has ended", m.ID))
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		})
	}
	if err := c.AwaitReady(t.Context(), patience); err != nil {
		t.Error(err)
	}
}
