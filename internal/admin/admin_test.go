package admin

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/bpsc/bpsc/internal/webserver"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func served(t *testing.T, ready error, header map[string]string, method, path string) (status int, body string) {
	h := Handler(Config{
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "figures") }),
		Ready:   func() error { return ready }, Logger: slog.New(slog.DiscardHandler),
	})
	r := httptest.NewRequest(method, path, nil)
	r.Host = "127.0.0.1:9100"
	for name, value := range header {
		if name == "Host" {
			r.Host = value
		}
		r.Header.Set(name, value)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestWhatItServes(t *testing.T) {
	for path, want := range map[string]struct {
		status int
		part   string
	}{
		"/metrics":                        {200, "figures"},
		"/livez":                          {200, "ok"},
		"/readyz":                         {503, "no leader"},
		"/debug/pprof/":                   {200, "goroutine"},
		"/debug/pprof/goroutine?debug=1":  {200, "goroutine profile"},
		"/debug/pprof/heap":               {200, ""},
		"/debug/pprof/cmdline":            {404, ""},
		"/debug/pprof/profile?seconds=61": {400, "from 1 to 60"},
		"/debug/pprof/profile?seconds=-1": {400, "from 1 to 60"},
		"/debug/pprof/trace?seconds=1e3":  {400, "from 1 to 60"},
		"/debug/pprof/trace?seconds=0":    {400, "from 1 to 60"},
		"/chain":                          {404, ""},
	} {
		status, body := served(t, errors.New("no leader"), nil, "GET", path)
		require.Equal(t, want.status, status, path)
		require.Contains(t, body, want.part, path)
	}
	status, _ := served(t, nil, nil, "GET", "/readyz")
	require.Equal(t, 200, status)
	status, _ = served(t, nil, nil, "POST", "/metrics")
	require.Equal(t, 405, status)
}

// A page in a browser on this machine gets nothing.
func TestPagesOfOthersAreRefused(t *testing.T) {
	for _, header := range []map[string]string{
		{"Host": "evil.example:9100"}, {"Host": "127.0.0.1.evil.example"}, {"Origin": "https://evil.example"},
		{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
	} {
		status, body := served(t, nil, header, "GET", "/debug/pprof/heap")
		require.Contains(t, []int{http.StatusMisdirectedRequest, http.StatusForbidden}, status, header)
		require.Less(t, len(body), 100)
	}
	for _, host := range []string{"localhost:9100", "[::1]:9100", "127.0.0.1", ""} {
		status, _ := served(t, nil, map[string]string{"Host": host}, "GET", "/livez")
		require.Equal(t, 200, status, host)
	}
}

func TestTheServerServesAndStops(t *testing.T) {
	s, err := NewServer(Config{Metrics: http.NotFoundHandler(), Ready: func() error { return nil }, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	l, err := webserver.Listen("127.0.0.1:0")
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + l.Addr().String() + "/readyz")
	require.NoError(t, err)
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, "ok", strings.TrimSpace(string(text)))
	s.Close()
	require.NoError(t, <-ended)
}
