package security

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

const transfer = `{"sender":"alice","recipient":"eve","amount":"1"}`

// ask sends a request to a member with a token, or none where it is "", and returns what
// became of it: the code of the refusal, "" for none.
func (l *locked) ask(m *harness.Member, token, method, target, body string, header ...string) (status int, code string) {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), method, m.URL+target, strings.NewReader(body))
	require.NoError(l.t, err)
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: l.HTTP.Transport.(bearer).RoundTripper}).Do(req)
	require.NoError(l.t, err)
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	require.NoError(l.t, err)
	for what, secret := range l.secrets {
		require.NotContains(l.t, string(text), secret, what)
	}
	var p harness.Problem
	_ = json.Unmarshal(text, &p) // not every answer is one
	return resp.StatusCode, p.Code
}

// No member does what operators do for who has a token to read, another one, or none.
func TestOperationsAreTheOperators(t *testing.T) {
	l := startLocked(t)
	l.pay()
	read := l.token("reader", "--role", "read")
	forged := read[:len(read)-1] + string("ab"[strings.Count(read[len(read)-1:], "a")])
	l.secrets["a forged token"] = forged
	operations := [][2]string{
		{"POST", "/v1/contracts"}, {"POST", "/v1/tokens"}, {"GET", "/v1/tokens"}, {"DELETE", "/v1/tokens/x"}, {"GET", "/v1/audit"},
		{"POST", "/v1/cluster/members"}, {"POST", "/v1/cluster/members/n2:remove"}, {"POST", "/v1/cluster:transfer-leader"},
		{"POST", "/v1/cluster:activate"}, {"GET", "/v1/backup"}, {"GET", "/v1/diagnostics"}, {"DELETE", "/v1/nodes/x"},
	}
	for _, m := range l.Members {
		require.NoError(t, harness.Until(t.Context(), patience, "it knows the token", func(context.Context) error {
			if status, code := l.ask(m, read, "GET", "/chain", ""); status != http.StatusOK {
				return fmt.Errorf("%s answers with %d %s", m.ID, status, code)
			}
			return nil
		}))
		for _, o := range operations {
			for token, want := range map[string]string{read: "403 role_missing", forged: "401 token_invalid", "guess": "401 token_invalid", "": "401 token_required"} {
				status, code := l.ask(m, token, o[0], o[1], "{}")
				require.Equal(t, want, fmt.Sprint(status, " ", code), "%v of %s", o, m.ID)
			}
		}
	}
	l.pay()
	l.nothingHappened()
}

// A member with more silent and slow clients than it may have files, tricks and pages of
// other sites among them, serves whoever has a token, and changes nothing for the others.
func TestACrowdThatMisbehaves(t *testing.T) {
	const files, silent, slow = 1_280, 1_300, 100
	l := startLocked(t)
	m := l.Members[0]
	require.NoError(t, m.Kill())
	m.Files = files
	require.NoError(t, l.Start(t.Context()))
	at := strings.TrimPrefix(m.URL, "https://")
	for range silent {
		conn, err := net.Dial("tcp", at)
		require.NoError(t, err)
		t.Cleanup(func() { _ = conn.Close() })
	}
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	for range slow {
		go dribble(ctx, at)
	}
	for range 5 {
		l.sent = 3 * (l.sent + 1) // to this member
		require.NoError(t, harness.Until(t.Context(), patience, "a transfer by whoever has a token", func(ctx context.Context) error {
			_, err := l.Submit(ctx, m.URL, harness.Transfer{Sender: "alice", Recipient: "bob", Amount: "1", Key: fmt.Sprint("k", l.sent)})
			return err
		}))
	}
	l.sent = 5
	for _, tc := range []struct {
		name, method, target string
		header               []string
		status               int
		code                 string
	}{
		{"another name of the host", "GET", "/chain", []string{"Host", "evil.example"}, 403, "host_unknown"},
		{"a page of another site", "POST", "/v1/transactions", []string{"Origin", "https://evil.example"}, 403, "origin_foreign"},
		{"a page that makes blocks", "GET", "/mine", []string{"Sec-Fetch-Site", "cross-site"}, 403, "origin_foreign"},
		{"a way up", "POST", "/livez/../v1/contracts", nil, 404, "path_unknown"},
		{"two slashes", "POST", "//v1/contracts", nil, 404, "path_unknown"},
		{"an escaped slash", "GET", "/v1%2Fcontracts", nil, 404, "path_unknown"},
		{"a long path", "GET", "/" + strings.Repeat("a", 9000), nil, 414, "target_too_long"},
		{"a large header", "GET", "/chain", []string{"A", strings.Repeat("a", 20_000)}, 431, "header_too_large"},
		{"another method within", "POST", "/v1/transactions", []string{"X-HTTP-Method-Override", "DELETE"}, 400, "request_malformed"},
	} {
		status, code := l.ask(m, l.root, tc.method, tc.target, transfer, tc.header...)
		require.Equal(t, tc.status, status, tc.name)
		require.Equal(t, tc.code, code, tc.name)
	}
	conn, err := net.Dial("tcp", strings.TrimPrefix(l.Members[1].URL, "https://"))
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	_, err = io.WriteString(conn, "GET /chain HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "+l.root+"\r\n\r\n")
	require.NoError(t, err)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	require.NoError(t, err, "plain HTTP is answered")
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	l.nothingHappened()
}

// dribble sends the header of a request a byte at a time, again where it is sent away.
func dribble(ctx context.Context, at string) {
	byByte := time.NewTicker(100 * time.Millisecond)
	defer byByte.Stop()
	for ctx.Err() == nil {
		conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
		for err == nil && ctx.Err() == nil {
			<-byByte.C
			_, err = io.WriteString(conn, "G")
		}
		if conn != nil {
			_ = conn.Close()
		}
		<-byByte.C
	}
}
