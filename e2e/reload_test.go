package e2e

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/bpsc/bpsc/internal/harness"
)

// SIGHUP has a process of any kind take its file of settings anew, and what is wrong in
// it changes nothing.
func TestSettingsAreReloaded(t *testing.T) {
	t.Parallel() // most of it waits
	path := filepath.Join(t.TempDir(), "bpsc.yaml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("log-level: info\n")
	c, all := servers(t, func(p *harness.Process) { p.Also("--config", path) })
	says := func(p *harness.Process, text string) {
		t.Helper()
		err := harness.Until(t.Context(), patience, p.ID+" says "+text, func(context.Context) error {
			if !strings.Contains(p.LogTail(1_000), text) {
				return errors.New("it does not")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	hup := func(text, answer string) {
		t.Helper()
		write(text)
		for _, p := range all {
			if err := p.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			says(p, answer)
		}
	}
	hup("log-level: debug\n", "changed=[log-level]")
	mustTransfer(t, c.Members[0].URL)
	says(all[0], "level=DEBUG")
	named := func(p *harness.Process) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL+"/v1/contracts", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = "ledger.example"
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	of := all
	all = all[:2] // a witness has no names
	for _, p := range all {
		if status := named(p); status != http.StatusMisdirectedRequest && status != http.StatusForbidden {
			t.Errorf("%s answers %d to a name that is not its own", p.ID, status)
		}
	}
	hup("log-level: debug\nallow-host: [ledger.example]\n", "changed=[allow-host]")
	for _, p := range all {
		if status := named(p); status != http.StatusOK {
			t.Errorf("%s answers %d to a name that it has been given", p.ID, status)
		}
	}
	all = of
	hup("log-level: warn\nlog-format: json\nlog-levell: warn\n", `did you mean \"log-level\"?`)
	hup("log-level: debug\nlog-format: json\n", "settings=[log-format]")
	for _, p := range all {
		if a := call(t, http.MethodGet, p.URL+"/livez", ""); a.status != http.StatusOK {
			t.Errorf("%s: %d", p.ID, a.status)
		}
		if strings.Contains(p.LogTail(1_000), `"level"`) {
			t.Errorf("%s writes its log in another format, which takes a start", p.ID)
		}
		mustStop(t, p, 0)
	}
}
