package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/harness"
)

// A cluster to which nobody may come without a token, with a follower: the root token
// makes the first one, tokens make others and end with what made them, on all members;
// whoever may not is told why; each action is in the audit log of every member; and the
// secrets are in no log, no folder and no answer but the one.
func TestTokens(t *testing.T) {
	t.Parallel() // most of it waits
	const root = "the root token of this test, which is secret"
	dir := t.TempDir()
	secretFile := writeSecret(t, dir, "root", root)
	c := startCluster(t, harness.Options{Dir: filepath.Join(dir, "cluster"),
		Args: []string{"--anonymous", "none", "--operator-secret-file", secretFile, "--log-level", "debug"}})
	n1, n2, n3 := c.Members[0].URL, c.Members[1].URL, c.Members[2].URL
	asked := &tokenRig{t: t, secrets: []string{root}}

	boss := asked.create(n1, root, "boss", "operate")
	reader := asked.create(n2, boss.text, "reader", "read")
	writer := asked.create(n3, boss.text, "writer", "submit")
	deputy := asked.create(n3, boss.text, "deputy", "operate")
	grandchild := asked.create(n1, deputy.text, "grandchild", "read", "submit")

	// Each may do its own, wherever, and nothing else.
	const transfer = `{"sender":"a","recipient":"b","amount":1}`
	for _, m := range c.Members {
		asked.known(m.URL, boss, reader, writer, deputy, grandchild)
		refused(t, call(t, "GET", m.URL+"/chain", ""), 401, "token_required")
		refused(t, call(t, "POST", m.URL+"/transactions/new", transfer), 401, "token_required")
		refused(t, call(t, "GET", m.URL+"/v1/audit", "", bearer(reader.text)), 403, "role_missing")
		refused(t, call(t, "POST", m.URL+"/v1/cluster/members/n2:remove", "", bearer(grandchild.text)), 403, "role_missing")
		refused(t, call(t, "GET", m.URL+"/chain", "", bearer(writer.text)), 403, "role_missing")
		refused(t, call(t, "POST", m.URL+"/v1/transactions", transfer, bearer(reader.text)), 403, "role_missing")
		refused(t, call(t, "GET", m.URL+"/chain", "", bearer(boss.text[:len(boss.text)-1])), 401, "token_invalid")
		refused(t, call(t, "GET", m.URL+"/chain?access_token="+boss.text, ""), 400, "token_in_url")
		refused(t, call(t, "GET", m.URL+"/v1/tokens/"+boss.text, "", bearer(boss.text)), 400, "token_in_url")
		must(t, http.StatusOK, "GET", m.URL+"/chain", "", bearer(reader.text))
		must(t, http.StatusCreated, "POST", m.URL+"/v1/transactions", transfer, bearer(writer.text))
	}

	// A follower reads with a token of its own, and passes its clients' on.
	upstream := writeSecret(t, dir, "upstream", reader.text)
	f := startFollower(t, harness.FollowerOptions{ID: "f", Upstreams: c.URLs(), Args: []string{"--upstream-token-file", upstream, "--log-level", "debug"}})
	if err := f.AwaitReady(t.Context(), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	must(t, http.StatusOK, "GET", f.URL+"/chain", "")
	must(t, http.StatusCreated, "POST", f.URL+"/v1/transactions", transfer, bearer(writer.text))
	refused(t, call(t, "POST", f.URL+"/v1/transactions", transfer), 401, "token_required")
	refused(t, call(t, "POST", f.URL+"/v1/transactions", transfer, bearer(reader.text)), 403, "role_missing")
	refused(t, call(t, "GET", f.URL+"/v1/tokens", "", bearer(boss.text)), 404, "not_here")

	// To end a token ends what it has made; the one who did it need not be the one who made it.
	asked.runs(n2, exitOK, boss.text, "token", "revoke", deputy.ID)
	for _, m := range c.Members {
		for _, ended := range []madeToken{deputy, grandchild} {
			until(t, 10*time.Second, m.ID+" knows that "+ended.ID+" was revoked", func(context.Context) error {
				if a := call(t, "GET", m.URL+"/v1/cluster", "", bearer(ended.text)); a.status != 401 || !strings.Contains(a.String(), "token_revoked") {
					return fmt.Errorf("%s", a)
				}
				return nil
			})
		}
	}
	asked.runs(n1, exitUnauthorised, deputy.text, "token", "list")
	asked.runs(n1, exitUnauthorised, reader.text, "audit-log")
	asked.runs(n1, exitUnauthorised, "", "chain")

	// One that ends by itself.
	soon := asked.create(n1, boss.text, "soon", "read", "--expires", "2s")
	until(t, 10*time.Second, "it has expired", func(context.Context) error {
		if a := call(t, "GET", n1+"/chain", "", bearer(soon.text)); !strings.Contains(a.String(), "token_expired") {
			return fmt.Errorf("%s", a)
		}
		return nil
	})

	// Every member has the same audit log.
	var first []string
	for _, m := range c.Members {
		until(t, 10*time.Second, m.ID+" has what was done", func(context.Context) error {
			log := asked.audit(m.URL, boss.text)
			if first == nil {
				first = log
			}
			if !slices.Equal(first, log) {
				return fmt.Errorf("%q\n%q", first, log)
			}
			return nil
		})
	}
	want := []string{"root  token.create " + boss.ID + " boss ok", "token " + boss.ID + " token.create " + reader.ID + " reader ok",
		"token " + boss.ID + " token.create " + writer.ID + " writer ok", "token " + boss.ID + " token.create " + deputy.ID + " deputy ok",
		"token " + deputy.ID + " token.create " + grandchild.ID + " grandchild ok", "token " + boss.ID + " token.revoke " + deputy.ID + " ok",
		"token " + boss.ID + " token.create " + soon.ID + " soon ok"}
	if !slices.Equal(first, want) {
		t.Errorf("the audit log has\n%s\nand not\n%s", strings.Join(first, "\n"), strings.Join(want, "\n"))
	}

	// The secrets are nowhere but in the files that hold them.
	for _, m := range c.Members {
		if err := m.Terminate(); err != nil {
			t.Fatal(err)
		}
		if _, err := m.AwaitExit(t.Context(), 20*time.Second); err != nil {
			t.Fatal(err)
		}
		asked.nowhere(m.ID, m.LogTail(1<<20))
	}
	asked.nowhere(f.ID, f.LogTail(1<<20))
	asked.nowhereBelow(filepath.Join(dir, "cluster"))
}

// Without a majority an action cannot be noted, so it is not done; a look at a member needs
// none.
func TestNothingIsDoneThatCannotBeNoted(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{})
	n1 := c.Members[0]
	must(t, http.StatusCreated, "POST", n1.URL+"/v1/contracts", `{"token":"usd","wallets":"open"}`)
	for _, m := range c.Members[1:] {
		if err := m.Kill(); err != nil {
			t.Fatal(err)
		}
	}
	until(t, 20*time.Second, "nothing can be noted", func(context.Context) error {
		a := call(t, "DELETE", n1.URL+"/v1/nodes/a:1", "")
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.String(), "audit log") {
			return fmt.Errorf("%s", a)
		}
		return nil
	})
	if a := call(t, "GET", n1.URL+"/v1/diagnostics", ""); a.status != http.StatusOK {
		t.Errorf("a look at the member: %s", a)
	}
	if log := n1.LogTail(1 << 20); !strings.Contains(log, "that the audit log lacks") {
		t.Error("its log does not say that somebody looked")
	}
}

// What comes from the machine of a member on loopback is the operator's, until there is a
// token for that, for good and on all members.
func TestTheFirstTokenEndsTheOperatorOnTheMachine(t *testing.T) {
	t.Parallel() // most of it waits
	c := startCluster(t, harness.Options{})
	asked := &tokenRig{t: t}
	asked.create(c.Members[0].URL, "", "reader", "read")
	asked.create(c.Members[1].URL, "", "another", "submit")
	boss := asked.create(c.Members[2].URL, "", "boss", "operate")
	for _, m := range c.Members {
		asked.known(m.URL, boss)
		refused(t, call(t, "POST", m.URL+"/v1/contracts", `{"token":"usd","wallets":"open"}`), 401, "token_required")
		refused(t, call(t, "GET", m.URL+"/v1/diagnostics", ""), 401, "token_required")
		must(t, http.StatusOK, "GET", m.URL+"/chain", "")
	}
	asked.runs(c.Members[0].URL, exitOK, boss.text, "token", "revoke", boss.ID)
	refused(t, call(t, "GET", c.Members[0].URL+"/v1/tokens", ""), 401, "token_required")
}

// until waits for a condition, or fails the test.
func until(t *testing.T, limit time.Duration, what string, holds func(context.Context) error) {
	t.Helper()
	if err := harness.Until(t.Context(), limit, what, holds); err != nil {
		t.Fatal(err)
	}
}

type madeToken struct {
	ID   string
	text string
}

// tokenRig makes tokens, and remembers what nobody else may see.
type tokenRig struct {
	t       *testing.T
	secrets []string
}

func bearer(text string) string { return "Authorization: Bearer " + text }

func writeSecret(t *testing.T, dir, name, text string) (path string) {
	t.Helper()
	path = filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// runs runs bpsc with a token.
func (r *tokenRig) runs(server string, code int, text string, args ...string) (out string) {
	r.t.Helper()
	if text != "" {
		args = append(args, "--token-file", writeSecret(r.t, r.t.TempDir(), "token", text))
	}
	return bpsc(r.t, code, append(args, "--server", server)...)
}

// create makes a token. more are roles, and then flags.
func (r *tokenRig) create(server, by, name string, more ...string) (made madeToken) {
	r.t.Helper()
	args := []string{"token", "create", "--name", name, "-o", "json"}
	for i, text := range more {
		if strings.HasPrefix(text, "--") {
			args = append(args, more[i:]...)
			break
		}
		args = append(args, "--role", text)
	}
	var got struct{ ID, Token string }
	out := r.runs(server, exitOK, by, args...)
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		r.t.Fatalf("%s: %v", out, err)
	}
	r.secrets = append(r.secrets, got.Token)
	return madeToken{got.ID, got.Token}
}

// known waits until a member knows tokens that were made at others.
func (r *tokenRig) known(server string, tokens ...madeToken) {
	r.t.Helper()
	for _, k := range tokens {
		until(r.t, 10*time.Second, server+" knows "+k.ID, func(context.Context) error {
			if a := call(r.t, "GET", server+"/v1/events?only=none", "", bearer(k.text)); a.status == 401 {
				return fmt.Errorf("%s", a)
			}
			return nil
		})
	}
}

// audit is what the audit log has: who, which token, what, of what, and how it ended.
func (r *tokenRig) audit(server, text string) (list []string) {
	r.t.Helper()
	var page struct {
		Items []struct{ Who, Token, Action, Subject, Result, From, Member string }
	}
	must(r.t, http.StatusOK, "GET", server+"/v1/audit", "", bearer(text)).json(r.t, &page)
	for _, e := range page.Items {
		list = append(list, strings.Join([]string{e.Who, e.Token, e.Action, e.Subject, e.Result}, " "))
		if e.From == "" || e.Member == "" {
			r.t.Errorf("it is not said from where: %+v", e)
		}
	}
	return list
}

func (r *tokenRig) nowhere(what, text string) {
	r.t.Helper()
	for _, secret := range r.secrets {
		if strings.Contains(text, secret) || strings.Contains(text, secret[10:30]) {
			r.t.Errorf("%s has a secret", what)
		}
	}
}

func (r *tokenRig) nowhereBelow(dir string) {
	r.t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err == nil {
			files++
			r.nowhere(path, string(content))
		}
		return err
	})
	if err != nil || files < 10 {
		r.t.Errorf("%d files were looked through: %v", files, err)
	}
}
