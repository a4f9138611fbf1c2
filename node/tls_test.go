package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/internal/harness"
	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/pki/pkitest"
)

// What others could read and change is refused unless somebody says that it may be.
func TestPlainIsForLoopback(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(*MemberConfig)
		want   string // "" for nothing
	}{
		"loopback":            {func(*MemberConfig) {}, ""},
		"all addresses":       {func(c *MemberConfig) { c.Listen, c.Advertise = ":5000", "http://n1.example:5000" }, "--tls-cert"},
		"a name":              {func(c *MemberConfig) { c.Listen = "n1.example:5000" }, "--tls-cert"},
		"with a certificate":  {func(c *MemberConfig) { c.Listen, c.TLS.Cert, c.TLS.Key = "n1.example:5000", "c", "k" }, ""},
		"half a pair":         {func(c *MemberConfig) { c.TLS.Cert = "c" }, "go together"},
		"insecure":            {func(c *MemberConfig) { c.Listen, c.TLS.Insecure = "n1.example:5000", true }, ""},
		"raft elsewhere":      {func(c *MemberConfig) { c.Raft = "0.0.0.0:6000" }, "--member-cert"},
		"raft by the list":    {func(c *MemberConfig) { c.Peers[0].Addr = "10.0.0.1:6000" }, "--member-cert"},
		"raft, certified":     {func(c *MemberConfig) { c.Raft, c.MemberTLS = "0.0.0.0:6000", MemberTLS{CA: "a", Cert: "c", Key: "k"} }, ""},
		"raft, insecure":      {func(c *MemberConfig) { c.Raft, c.TLS.Insecure = "0.0.0.0:6000", true }, ""},
		"without authorities": {func(c *MemberConfig) { c.MemberTLS = MemberTLS{Cert: "c", Key: "k"} }, "go together"},
		"accept without any":  {func(c *MemberConfig) { c.MemberTLS.AcceptPlain = true }, "--member-tls accept needs"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := configs(t, 1)[0]
			tt.change(&cfg)
			if err := cfg.Validate(); tt.want == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.want)
			}
		})
	}
	f := DefaultFollowerConfig()
	f.Data, f.Listen, f.Sources = "d", "0.0.0.0:5001", []chainsync.Source{{Upstreams: []string{"http://n1"}}}
	require.ErrorContains(t, f.Validate(), "--tls-cert")
	f.TLS.Insecure = true
	require.NoError(t, f.Validate())
}

// secured gives members certificates of one authority.
func secured(t *testing.T, all []MemberConfig, ca *pki.Authority) {
	t.Helper()
	for i := range all {
		cfg, dir := &all[i], t.TempDir()
		api := pkitest.Write(t, filepath.Join(mkdir(t, dir, "api")), pkitest.Server(t, ca))
		member := pkitest.Write(t, filepath.Join(mkdir(t, dir, "member")), pkitest.Member(t, ca, "one", cfg.ID, time.Now()), ca)
		cfg.Anonymous = []string{"read", "submit"}
		cfg.TLS = TLS{Cert: api.Cert, Key: api.Key, CACert: member.CA}
		cfg.MemberTLS = MemberTLS{CA: member.CA, Cert: member.Cert, Key: member.Key}
	}
}

func mkdir(t *testing.T, parts ...string) string {
	t.Helper()
	dir := filepath.Join(parts...)
	require.NoError(t, os.MkdirAll(dir, 0o700))
	return dir
}

// Members, a follower and a client over TLS throughout, and certificates that are
// replaced meanwhile.
func TestEverythingOverTLS(t *testing.T) {
	ca := pkitest.Authority(t, "one")
	all := configs(t, 3)
	secured(t, all, ca)
	var members []*Member
	var urls []string
	for _, cfg := range all {
		members = append(members, start(t, cfg))
		urls = append(urls, "https://"+cfg.Listen)
	}
	for _, m := range members {
		ready(t, m.WaitReady)
	}
	cfg := DefaultFollowerConfig()
	cfg.Data, cfg.Listen, cfg.Files = t.TempDir(), "127.0.0.1:0", 1024
	cfg.Sources, cfg.TLS = []chainsync.Source{{Upstreams: urls}}, all[0].TLS
	cfg.Logger, cfg.Anonymous = slog.New(slog.DiscardHandler), all[0].Anonymous
	f, err := StartFollower(t.Context(), cfg)
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Stop(t.Context())) }()
	ready(t, f.WaitReady)

	stranger, err := client.New(urls[0])
	require.NoError(t, err)
	once, cancel := context.WithCancel(t.Context()) // it tries again as long as it may
	defer cancel()
	var handshakes atomic.Int64
	_, err = stranger.Contract(httptrace.WithClientTrace(once, &httptrace.ClientTrace{TLSHandshakeStart: func() {
		if handshakes.Add(1) > 1 {
			cancel()
		}
	}}), "gold")
	require.ErrorContains(t, err, "certificate signed by unknown authority")
	ctx := t.Context()
	for _, url := range append(urls, "https://"+f.Addr().String()) {
		c, err := client.New(url)
		require.NoError(t, err)
		c.Trust(&tls.Config{RootCAs: pkitest.Pool(ca)})
		_, err = c.Contract(ctx, "gold")
		require.NoError(t, err)
	}
	resp, err := http.Get("http://" + all[0].Listen + "/v1/contracts/gold")
	require.NoError(t, err)
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusBadRequest, resp.StatusCode)
	require.Contains(t, string(text), "tls_required")

	trusting := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pkitest.Pool(ca)}}}
	defer trusting.CloseIdleConnections()
	resp, err = trusting.Get(urls[0] + "/readyz?verbose")
	require.NoError(t, err)
	text, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Contains(t, string(text), "[+]certificate api until ")
	require.Contains(t, string(text), "[+]certificate member until ")

	before := members[0].Certificates()
	later := pkitest.Member(t, ca, "one", "n1", time.Now().Add(time.Hour))
	pkitest.Write(t, filepath.Dir(all[0].MemberTLS.Cert), later, ca)
	require.NoError(t, members[0].ReloadCertificates())
	after := members[0].Certificates()
	require.Equal(t, []string{"api", "member"}, []string{after[0].Use, after[1].Use})
	require.Equal(t, before[0], after[0])
	require.WithinDuration(t, later.Certificate.NotAfter, after[1].NotAfter, time.Second)
	require.NoError(t, harness.Until(t.Context(), limit, "the others hear of it", func(context.Context) error {
		told := memberStatus{members[1].cluster, members[1]}.Cluster().Members[0].Certificates
		if len(told) != 2 || !told[1].NotAfter.Equal(after[1].NotAfter) {
			return fmt.Errorf("they know of %v", told)
		}
		return nil
	}))
}

// Wrong files are found before anything is written, and told apart.
func TestWrongCertificatesAreRefusedAtTheStart(t *testing.T) {
	ca, foreign := pkitest.Authority(t, "one"), pkitest.Authority(t, "one")
	now := time.Now()
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, c *MemberConfig)
		want  string
	}{
		"no file": {func(_ *testing.T, c *MemberConfig) { c.TLS.Cert += ".not" }, "no such file"},
		"no key": {func(t *testing.T, c *MemberConfig) {
			require.NoError(t, os.WriteFile(c.TLS.Key, []byte("c0ffee"), 0o600))
		}, "--tls-cert"},
		"expired": {func(t *testing.T, c *MemberConfig) {
			write(t, c, pkitest.Member(t, ca, "one", "n1", now.Add(-48*time.Hour)), ca)
		}, "expired"},
		"not yet": {func(t *testing.T, c *MemberConfig) {
			write(t, c, pkitest.Member(t, ca, "one", "n1", now.Add(48*time.Hour)), ca)
		}, "not valid yet"},
		"another's":   {func(t *testing.T, c *MemberConfig) { write(t, c, pkitest.Member(t, ca, "one", "n2", now), ca) }, "this member is n1"},
		"foreign":     {func(t *testing.T, c *MemberConfig) { write(t, c, pkitest.Member(t, foreign, "one", "n1", now), ca) }, "authority that is not trusted"},
		"self-signed": {func(t *testing.T, c *MemberConfig) { write(t, c, pkitest.SelfSigned(t, "one", "n1"), ca) }, "self-signed"},
		"no member's": {func(t *testing.T, c *MemberConfig) { write(t, c, pkitest.Server(t, ca), ca) }, "names no member"},
		"bad CA": {func(t *testing.T, c *MemberConfig) {
			require.NoError(t, os.WriteFile(c.TLS.CACert, []byte("x"), 0o600))
		}, "--cacert"},
	} {
		t.Run(name, func(t *testing.T) {
			all := configs(t, 1)
			secured(t, all, ca)
			tt.spoil(t, &all[0])
			_, err := StartMember(t.Context(), all[0])
			require.ErrorContains(t, err, tt.want)
			require.NotContains(t, err.Error(), "c0ffee")
			require.False(t, strings.Contains(err.Error(), "PRIVATE KEY"))
			require.NoDirExists(t, all[0].Data)
		})
	}
}

func write(t *testing.T, c *MemberConfig, pair pki.Pair, ca *pki.Authority) {
	t.Helper()
	pkitest.Write(t, filepath.Dir(c.MemberTLS.Cert), pair, ca)
}

// Who waits for a member whose certificate is no good says so where one looks.
func TestWhoIsMissingForItsCertificate(t *testing.T) {
	all := configs(t, 2)
	secured(t, all[:1], pkitest.Authority(t, "one"))
	secured(t, all[1:], pkitest.Authority(t, "one"))
	first := start(t, all[0])
	start(t, all[1])
	require.Eventually(t, func() bool {
		err := first.Ready()
		return err != nil && strings.Contains(err.Error(), "n2: its certificate is from an authority that is not trusted here")
	}, limit, 10*time.Millisecond)
}
