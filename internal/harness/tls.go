package harness

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Security is what bpsc init has made for a cluster: its members talk over mutual TLS and
// serve https. Reads and transactions need no token.
type Security struct {
	binary string
	Dir    string
}

// secure has bpsc init make what members with these addresses begin with.
func secure(binary, dir string, members, apis []string) (*Security, error) {
	s := &Security{binary, dir}
	return s, s.run("init", "--out", dir, "--members", strings.Join(members, ","), "--api", strings.Join(apis, ","))
}

func (s *Security) run(args ...string) error {
	cmd := exec.Command(s.binary, args...)
	cmd.Env = Environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("bpsc %s: %w\n%s", args[0], err, out)
	}
	return nil
}

// Renew has bpsc init renew make new certificates for members, all where none is named.
func (s *Security) Renew(ids ...string) error {
	return s.run(append([]string{"init", "renew", "--out", s.Dir}, ids...)...)
}

// add has bpsc init make what a further member begins with.
func (s *Security) add(m *Member, api string) error {
	m.URL, m.Data = "https://"+api, filepath.Join(s.Dir, m.ID, "data")
	return s.run("init", "add", "--out", s.Dir, m.ID+"="+m.Raft, "--api", m.ID+"="+api)
}

// Authorities is the file of those that clients trust.
func (s *Security) Authorities() string { return filepath.Join(s.Dir, "ca.crt") }

// RootToken is the file of the operator's token.
func (s *Security) RootToken() string { return filepath.Join(s.Dir, "root.token") }

// args are how a member is started.
func (s *Security) args(id, contract string) []string {
	return []string{"server", "--config", filepath.Join(s.Dir, id, "bpsc.yaml"), "--contract", contract, "--anonymous", "read,submit"}
}

// client trusts the cluster's authority alone.
func (s *Security) client() (*http.Client, error) {
	text, err := os.ReadFile(s.Authorities())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate", s.Authorities())
	}
	c := newHTTPClient()
	c.Transport.(*http.Transport).TLSClientConfig = &tls.Config{RootCAs: pool}
	return c, nil
}
