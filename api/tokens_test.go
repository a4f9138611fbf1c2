package api

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/token"
)

// rolesOf are requests by the role that they need.
var rolesOf = map[token.Roles][][3]string{
	token.Read: {{"GET", "/chain", ""}, {"GET", "/v1/accounts/a", ""}, {"GET", "/v1/contracts", ""}, {"GET", "/v1/contracts/aka", ""},
		{"GET", "/v1/cluster", ""}, {"GET", "/v1/cluster/events", ""}, {"GET", "/v1/nodes", ""}, {"GET", "/smart/chain", ""}, {"GET", "/v1/blocks/1", ""}},
	token.Submit: {{"POST", "/transactions/new", transferAB}, {"GET", "/mine", ""}, {"POST", "/mine", ""}, {"POST", "/v1/transactions", transferAB},
		{"POST", "/nodes/register", `{"nodes":["a:1"]}`}, {"POST", "/v1/transactions:batch", `{"transactions":[` + transferAB + `]}`}},
	token.Operate: {{"POST", "/v1/contracts", `{"token":"usd","wallets":"open"}`}, {"DELETE", "/v1/nodes/a:1", ""}, {"GET", "/v1/tokens", ""},
		{"POST", "/v1/tokens", `{"name":"x","roles":["read"]}`}, {"DELETE", "/v1/tokens/000000000000", ""}, {"GET", "/v1/audit", ""},
		{"POST", "/v1/cluster/members", `{"id":"n4","raft":"h:1"}`}, {"POST", "/v1/cluster/members/n2:remove", ""},
		{"POST", "/v1/cluster:transfer-leader", ""}, {"POST", "/v1/cluster:activate", `{"level":2}`}, {"GET", "/v1/backup", ""}},
}

// Each route needs its role, of a token that is good; what anybody may do needs none.
func TestRolesOfRoutes(t *testing.T) {
	for role, requests := range rolesOf {
		for _, q := range requests {
			t.Run(role.String()+" "+q[0]+" "+q[1], func(t *testing.T) {
				f := newFake()
				send, text := secured(t, f, nil)
				refused := func(text string, status int, code, challenge string) {
					t.Helper()
					before := f.writes
					rec := send(q[0], q[1], q[2], text)
					requireProblem(t, rec, status, code, "")
					require.Contains(t, rec.Header().Get("WWW-Authenticate"), challenge)
					require.Equal(t, before, f.writes)
					require.Empty(t, f.audit)
				}
				refused("", 401, "token_required", `Bearer realm="bpsc"`)
				refused("guess", 401, "token_invalid", `error="invalid_token"`)
				unknown, _, err := token.New(strings.NewReader(strings.Repeat("x", 32)))
				require.NoError(t, err)
				refused(unknown, 401, "token_invalid", `error="invalid_token"`)
				refused(text(token.Token{Roles: token.Operate, Revoked: 5}), 401, "token_revoked", `error="invalid_token"`)
				refused(text(token.Token{Roles: token.Operate, Expires: noon.Unix()}), 401, "token_expired", `error="invalid_token"`)
				for _, other := range []token.Roles{token.Read, token.Submit, token.Read | token.Submit} {
					if !other.Has(role) {
						refused(text(token.Token{Roles: other}), 403, "role_missing", `scope="`+role.String()+`"`)
					}
				}
				for _, good := range []token.Roles{role, token.Operate} {
					rec := send(q[0], q[1], q[2], text(token.Token{Roles: good, Expires: noon.Unix() + 1}))
					require.NotContains(t, []int{401, 403}, rec.Code, rec.Body)
				}

				send, _ = secured(t, newFake(), func(c *access.Config) { c.Anonymous = token.Read | token.Submit })
				open := send(q[0], q[1], q[2], "").Code != http.StatusUnauthorized
				require.Equal(t, role != token.Operate, open)
			})
		}
	}
	send, _ := secured(t, newFake(), nil)
	for _, path := range []string{"/livez", "/readyz"} {
		require.Equal(t, 200, send("GET", path, "", "").Code, "who watches needs no token")
	}
}

// A token that is limited to a contract does nothing with another one, and nothing that
// is not about one.
func TestATokenOfOneContract(t *testing.T) {
	f := newFake(openContract("aka"), openContract("usd"))
	send, text := secured(t, f, nil)
	usd := text(token.Token{Roles: token.Operate, Contract: "usd"})
	for _, q := range [][3]string{
		{"GET", "/chain?contract=usd", ""}, {"GET", "/v1/accounts/a?contract=usd", ""}, {"GET", "/v1/contracts/usd", ""},
		{"POST", "/v1/transactions?contract=usd", transferAB}, {"POST", "/mine?contract=usd", ""}, {"GET", "/v1/tokens", ""},
		{"POST", "/v1/transactions", strings.Replace(transferAB, "{", `{"contract":"usd",`, 1)},
	} {
		require.Less(t, send(q[0], q[1], q[2], usd).Code, 300, q)
	}
	writes := f.writes
	for _, q := range [][3]string{
		{"GET", "/chain", ""}, {"GET", "/chain?contract=aka", ""}, {"GET", "/v1/accounts/a", ""}, {"GET", "/v1/contracts/aka", ""},
		{"GET", "/v1/contracts", ""}, {"GET", "/v1/nodes", ""}, {"GET", "/v1/cluster", ""}, {"GET", "/v1/contracts/aka/checkpoint", ""},
		{"GET", "/v1/contracts/aka/tile/0/000", ""}, {"GET", "/v1/transactions/" + strings.Repeat("0", 64), ""}, {"GET", "/v1/events", ""},
		{"GET", "/v1/policy", ""}, {"GET", "/v1/policies", ""}, {"GET", "/smart/chain", ""}, {"GET", "/v1/blocks", ""},
		{"GET", "/v1/holds/" + strings.Repeat("0", 64), ""}, {"GET", "/v1/transactions/" + strings.Repeat("0", 64) + "/receipt", ""},
		{"POST", "/v1/transactions", transferAB}, {"POST", "/transactions/new", transferAB}, {"POST", "/mine", ""},
		{"POST", "/v1/transactions:batch", `{"transactions":[` + transferAB + `]}`}, {"POST", "/nodes/register", `{"nodes":["a:1"]}`},
		{"POST", "/v1/contracts", `{"token":"x","wallets":"open"}`}, {"DELETE", "/v1/nodes/a:1", ""}, {"GET", "/v1/backup", ""},
		{"POST", "/v1/cluster/members/n2:remove", ""}, {"GET", "/v1/audit", ""},
	} {
		requireProblem(t, send(q[0], q[1], q[2], usd), 403, "other_contract", "")
	}
	require.Equal(t, writes, f.writes)
	require.Empty(t, f.audit)
}

// A token is made, shown once, listed without its text, and revoked.
func TestTokensAreMadeAndRevoked(t *testing.T) {
	f := newFake()
	send, text := secured(t, f, nil)
	boss := text(token.Token{Roles: token.Operate})
	rec := send("POST", "/v1/tokens", `{"name":"ci","roles":["submit","read"],"contract":"aka","expires":1900000000}`, boss)
	require.Equal(t, 201, rec.Code, rec.Body)
	require.Equal(t, "no-store", rec.Header().Get("Cache-Control"))
	var made tokenAnswer
	require.NoError(t, json.Unmarshal(rec.Body.Bytes(), &made))
	hash, err := token.Parse(made.Text)
	require.NoError(t, err)
	require.Equal(t, hash.ID(), made.ID)
	require.Equal(t, f.tokens[0].ID(), made.Parent, "the token that asked")
	require.Equal(t, []string{"read", "submit"}, made.Roles.Names())
	require.Equal(t, 200, send("GET", "/chain", "", made.Text).Code)

	list := send("GET", "/v1/tokens", "", boss).Body.String()
	require.NotContains(t, list, made.Text)
	require.NotContains(t, list, "bpsc_")
	require.Contains(t, list, `"id":"`+made.ID+`","name":"ci","roles":["read","submit"],"contract":"aka","made":1,"expires":1900000000`)
	page := send("GET", "/v1/tokens?limit=1", "", boss).Body.String()
	require.Contains(t, page, `"next":"`+f.tokens[0].ID()+`"`)
	require.Contains(t, send("GET", "/v1/tokens?after="+f.tokens[0].ID(), "", boss).Body.String(), made.ID)
	requireProblem(t, send("GET", "/v1/tokens?after=0", "", boss), 400, "invalid_field", "")

	require.Equal(t, 204, send("DELETE", "/v1/tokens/"+made.ID, "", boss).Code)
	requireProblem(t, send("GET", "/chain", "", made.Text), 401, "token_revoked", "")
	requireProblem(t, send("DELETE", "/v1/tokens/000000000000", "", boss), 404, "token_unknown", "")

	for _, body := range []string{`{"name":"x"}`, `{"roles":["read"]}`, `{"name":"x","roles":["root"]}`, `{"name":"x","roles":["read"],"expire":1}`,
		`{"name":"x","roles":["read"]}{}`, `{"name":"x","roles":["read"],"expires":-1}`, `[]`, ``, `{"name":"` + made.Text + `","roles":["read"]}`} {
		rec := send("POST", "/v1/tokens", body, boss)
		require.Equal(t, 400, rec.Code, "%s: %s", body, rec.Body)
		require.NotContains(t, rec.Body.String(), made.Text)
	}
	// What the ledger may say about one (fsm/tokens.go) is described, or this fails.
	for _, why := range []chain.Code{chain.ContractUnknown, chain.IDReused, chain.InvalidField, chain.TokenTooBroad, chain.TokensFull, chain.TokenRevoked, chain.TokenExpired} {
		f.makeErr = why
		requireProblem(t, send("POST", "/v1/tokens", `{"name":"x","roles":["read"],"contract":"eur"}`, boss), problem.MeaningOf(string(why)).Status, string(why), "")
	}
	f.audit = f.audit[:3]
	require.Len(t, f.tokens, 2)
	for _, e := range f.audit {
		require.Equal(t, auditlog.Action{Who: "token", Token: f.tokens[0].ID(), Name: "t", What: e.What, Subject: e.Subject,
			From: "127.0.0.1:40000", Request: e.Request, Member: "n1"}, e.Action)
	}
	require.Equal(t, []string{"token.create " + made.ID + " ci ok", "token.revoke " + made.ID + " ok", "token.revoke 000000000000 token_unknown"},
		entries(f))
}

func entries(f *fake) (list []string) {
	for _, e := range f.audit {
		list = append(list, strings.TrimSpace(e.What+" "+e.Subject)+" "+e.Result)
	}
	return list
}

// Each action of an operator is noted before it is done, with how it ended; a dry run is
// none. What cannot be noted is not done, but for looking at a cluster that is in trouble.
func TestActionsAreNoted(t *testing.T) {
	actions := []struct{ method, target, body, entry string }{
		{"POST", "/v1/contracts", `{"token":"usd","wallets":"open"}`, "contracts.create usd ok"},
		{"DELETE", "/v1/nodes/a:1", "", "nodes.remove a:1 ok"},
		{"POST", "/v1/tokens", `{"name":"x","roles":["read"]}`, ""},
		{"POST", "/v1/cluster/members", `{"id":"n4","raft":"h:1"}`, "members.add n4 h:1 ok"},
		{"POST", "/v1/cluster/members/n2:remove", "", "members.remove n2 ok"},
		{"POST", "/v1/cluster:transfer-leader", `{"to":"n3"}`, "members.transfer-leader n3 ok"},
		{"POST", "/v1/cluster:activate", `{"level":2}`, "level.activate 2 ok"},
	}
	for _, a := range actions {
		f := newFake()
		f.nodes.Add("a:1", "")
		send, _ := secured(t, f, func(c *access.Config) { c.OperatorSecret = "correct horse battery staple" })
		const root = "correct horse battery staple"
		f.noteErr = errNobody
		p := requireProblem(t, send(a.method, a.target, a.body, root), 503, "no_leader", "")
		require.Contains(t, p.Detail, "audit log")
		f.noteErr = chain.TokenRevoked
		requireProblem(t, send(a.method, a.target, a.body, root), 401, "token_revoked", "")
		f.noteErr = nil
		require.Zero(t, f.writes)
		require.Zero(t, f.change)
		require.Less(t, send(a.method, a.target, a.body, root).Code, 300, a.target)
		require.Len(t, f.audit, 1)
		require.Equal(t, "root", f.audit[0].Who)
		if a.entry != "" {
			require.Equal(t, []string{a.entry}, entries(f))
		}
		f.noteErr = chain.LevelNotActive
		require.Less(t, send(a.method, a.target, strings.ReplaceAll(a.body, "usd", "eur"), root).Code, 500, "a cluster that has no audit log yet")
		require.Len(t, f.audit, 1)
	}

	f := newFake()
	send, _ := secured(t, f, func(c *access.Config) { c.LocalOperator = true })
	require.Equal(t, 200, send("POST", "/v1/cluster/members/n2:remove", `{"dry_run":true}`, "").Code)
	require.Empty(t, f.audit)
	f.err = errNobody
	require.Equal(t, 503, send("POST", "/v1/contracts", `{"token":"usd","wallets":"open"}`, "").Code)
	require.Equal(t, []string{"contracts.create usd no_leader"}, entries(f))
	require.Equal(t, "local", f.audit[0].Who)
}

// A look at a member and a copy of what it has need no majority, and a token that the log
// has revoked gets neither.
func TestALookIsNotedIfPossible(t *testing.T) {
	var log bytes.Buffer
	f := newFake()
	cfg := DefaultConfig()
	cfg.Diagnostics, cfg.Logger = fakeDiagnosis{}, slog.New(slog.NewTextHandler(&log, nil))
	h := newHandlerWith(t, cfg, f)
	require.Equal(t, 200, call(h, "GET", "/v1/diagnostics/log", "").Code)
	require.Equal(t, []string{"diagnostics.log ok"}, entries(f))
	f.noteErr = errNobody
	require.Equal(t, 200, call(h, "GET", "/v1/diagnostics", "").Code)
	require.Contains(t, log.String(), "that the audit log lacks")
	f.noteErr = chain.TokenRevoked
	requireProblem(t, call(h, "GET", "/v1/diagnostics", ""), 401, "token_revoked", "")
	require.Len(t, f.audit, 1)
}

func TestTheAuditLogIsRead(t *testing.T) {
	f := newFake()
	send, text := secured(t, f, nil)
	boss := text(token.Token{Roles: token.Operate})
	require.Equal(t, "{\"items\":[]}\n", send("GET", "/v1/audit", "", boss).Body.String())
	for range 5 {
		require.Equal(t, 204, send("DELETE", "/v1/tokens/"+f.tokens[0].ID(), "", boss).Code)
		f.tokens[0].Revoked = 0
	}
	var page struct {
		Items []struct {
			Number            uint64
			Action, Who, From string
			Time, Ended       float64
			Result            string
		}
		Next uint64
	}
	require.NoError(t, json.Unmarshal(send("GET", "/v1/audit?after=1&limit=2", "", boss).Body.Bytes(), &page))
	require.Len(t, page.Items, 2)
	require.EqualValues(t, 2, page.Items[0].Number)
	require.EqualValues(t, 3, page.Next)
	require.Equal(t, "token.revoke token ok", page.Items[0].Action+" "+page.Items[0].Who+" "+page.Items[0].Result)
	require.InDelta(t, 0.5, page.Items[0].Ended-page.Items[0].Time, 0.001)
	rec := send("GET", "/v1/audit?after=3", "", boss, "Accept", ndjson)
	require.Equal(t, ndjson, rec.Header().Get("Content-Type"))
	require.Equal(t, 2, strings.Count(rec.Body.String(), "\n"))
	for _, query := range []string{"limit=1001", "limit=x", "after=-1", "from=1"} {
		requireProblem(t, send("GET", "/v1/audit?"+query, "", boss), 400, "invalid_field", "")
	}
}

// A token in an address is refused whatever it is for, and stands in no log and no answer.
func TestATokenInTheAddress(t *testing.T) {
	var log bytes.Buffer
	f := newFake()
	cfg := DefaultConfig()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := newHandlerWith(t, cfg, f)
	text, _, err := token.New(strings.NewReader(strings.Repeat("t", 32)))
	require.NoError(t, err)
	for _, target := range []string{"/chain?access_token=" + text, "/chain?" + text, "/v1/tokens/" + text, "/" + text,
		"/chain?x=" + strings.ReplaceAll(url.QueryEscape(text), "_", "%5F"), "/chain?x=a" + text + "b", "/%62psc_" + text[5:]} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			rec := call(h, method, target, "")
			requireProblem(t, rec, 400, "token_in_url", "")
			require.NotContains(t, rec.Body.String(), text[10:])
		}
	}
	require.NotContains(t, log.String(), text[10:])
	require.Contains(t, log.String(), "status=400")
	require.Zero(t, f.writes)
	require.Equal(t, 200, call(h, "GET", "/v1/accounts/bpsc_wallet_address", "").Code, "that is a name")
}

// The first token for operators ends that whoever is on the machine is one.
func TestTheFirstTokenForOperatorsEndsTheOperatorOnTheMachine(t *testing.T) {
	f := newFake()
	send, text := secured(t, f, func(c *access.Config) { c.LocalOperator = true })
	require.Equal(t, 200, send("GET", "/v1/tokens", "", "").Code)
	text(token.Token{Roles: token.Read | token.Submit})
	require.Equal(t, 200, send("GET", "/v1/tokens", "", "").Code)
	text(token.Token{Roles: token.Operate, Revoked: 3})
	requireProblem(t, send("GET", "/v1/tokens", "", ""), 401, "token_required", "")
}
