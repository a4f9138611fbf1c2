package client

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const secret = "bpsc_the-token-that-nobody-may-see"

// The token goes with every request to the client's servers, and with none that one of
// them sends elsewhere.
func TestTheTokenStaysWithTheServers(t *testing.T) {
	var elsewhere []string
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		elsewhere = append(elsewhere, r.Header.Get("Authorization"))
	}))
	defer other.Close()
	var here []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		here = append(here, r.Header.Get("Authorization"))
		switch r.URL.Path {
		case "/v1/cluster":
			http.Redirect(w, r, other.URL+"/v1/cluster", http.StatusTemporaryRedirect)
		case "/smart/chain", "/v1/backup":
			http.Redirect(w, r, strings.Replace(other.URL, "127.0.0.1", "localhost", 1)+"/x", http.StatusFound)
		case "/v1/tokens":
			http.Redirect(w, r, "/v1/here", http.StatusTemporaryRedirect)
		default:
			_, _ = io.WriteString(w, "{}")
		}
	}))
	defer server.Close()
	c, err := New(server.URL)
	require.NoError(t, err)
	c.Token = secret
	_, _ = c.Cluster(t.Context())
	_ = c.Backup(t.Context(), func(io.Reader) error { return nil })
	_ = c.Blocks(t.Context(), "aka", 1, 1, func([]byte) error { return nil })
	require.NotEmpty(t, elsewhere)
	for _, sent := range elsewhere {
		require.Empty(t, sent)
	}
	here = nil
	_, err = c.Tokens(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"Bearer " + secret, "Bearer " + secret}, here, "a redirect to where it came from")
}

// A token does not go over plain HTTP to another machine, unless that is meant.
func TestTheTokenIsNotSentInClear(t *testing.T) {
	c, err := New("http://192.0.2.1:5000")
	require.NoError(t, err)
	c.Token = secret
	calls := map[string]func() error{
		"a call":   func() error { _, err := c.Tokens(t.Context()); return err },
		"a backup": func() error { return c.Backup(t.Context(), func(io.Reader) error { return nil }) },
		"a stream": func() error { return c.Blocks(t.Context(), "aka", 1, 1, func([]byte) error { return nil }) },
	}
	for what, call := range calls {
		err := call()
		require.ErrorIs(t, err, ErrTokenInClear, what)
		require.NotContains(t, err.Error(), secret)
		require.NotErrorIs(t, err, ErrUnavailable)
	}
	var sent string
	c.http = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Get("Authorization")
		return &http.Response{StatusCode: 200, Body: io.NopCloser(strings.NewReader(`{"items":[]}`)), Header: http.Header{}}, nil
	})}
	c.Insecure = true
	require.NoError(t, calls["a call"]())
	require.Equal(t, "Bearer "+secret, sent)
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
