package e2e

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

func TestProbeHung(t *testing.T) {
	c := startCluster(t, harness.Options{})
	f := follow(t, "f", c.URLs()...)
	must(t, http.StatusCreated, http.MethodPost, c.Members[1].URL+"/v1/transactions", transfer)
	must(t, http.StatusOK, http.MethodGet, c.Members[1].URL+"/mine", "")
	if err := f.AwaitLength(t.Context(), "", 2, patience); err != nil {
		t.Fatal(err)
	}
	if err := c.Members[0].Pause(); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	err := harness.Until(t.Context(), patience, "x", func(ctx context.Context) error {
		a := call(t, http.MethodGet, c.Members[1].URL+"/mine", "")
		if a.status != 200 {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	t.Log("mined after", time.Since(began), err)
	began = time.Now()
	a := call(t, http.MethodGet, f.URL+"/smart/chain", "")
	t.Log("smart/chain after", time.Since(began), len(a.body), string(a.body[:60]))
	began = time.Now()
	err = f.AwaitLength(t.Context(), "", 3, 2*time.Minute)
	t.Log("seen after", time.Since(began), err)
	_ = c.Members[0].Resume()
}
