package harness

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Security is what bpsc init has made for a cluster: its members talk over mutual TLS and
// serve https.
type Security struct {
	binary  string
	Dir     string
	trusted string // file of the authorities that clients trust; "": that of Dir alone
}

// secure has bpsc init make what members with these addresses begin with.
func secure(binary, dir string, members, apis []string) (*Security, error) {
	s := &Security{binary: binary, Dir: dir}
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

// Certify has bpsc init make certificates for the members of a plain cluster, who are not
// told of them.
func (c *Cluster) Certify(dir string) (*Security, error) {
	var members, apis []string
	for _, m := range c.Members {
		members, apis = append(members, m.ID+"="+m.Raft), append(apis, m.ID+"="+strings.TrimPrefix(m.URL, "http://"))
	}
	return secure(c.Members[0].binary, dir, members, apis)
}

// MemberArgs are the settings by which a member talks TLS to the others.
func (s *Security) MemberArgs(id string) []string {
	in := func(name string) string { return filepath.Join(s.Dir, id, name) }
	return []string{"--member-ca", in("ca.crt"), "--member-cert", in("peer.crt"), "--member-key", in("peer.key")}
}

// Renew has bpsc init renew make new certificates for members, all where none is named.
func (s *Security) Renew(ids ...string) error {
	return s.run(append([]string{"init", "renew", "--out", s.Dir}, ids...)...)
}

// RenewFor is Renew of certificates that are good for so long only.
func (s *Security) RenewFor(valid time.Duration, ids ...string) error {
	return s.run(append([]string{"init", "renew", "--out", s.Dir, "--valid", valid.String()}, ids...)...)
}

// Trust is a client's trust in the cluster's authority alone.
func (s *Security) Trust() (*tls.Config, error) {
	text, err := os.ReadFile(s.Authorities())
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate", s.Authorities())
	}
	return &tls.Config{RootCAs: pool}, nil
}

// add has bpsc init make what a further member begins with.
func (s *Security) add(m *Member, api string) error {
	m.URL, m.Data = "https://"+api, filepath.Join(s.Dir, m.ID, "data")
	return s.run("init", "add", "--out", s.Dir, m.ID+"="+m.Raft, "--api", m.ID+"="+api)
}

// Authorities is the file of those that clients trust.
func (s *Security) Authorities() string { return cmp.Or(s.trusted, filepath.Join(s.Dir, "ca.crt")) }

// Trusting has clients of the cluster trust the authorities in a file.
func (c *Cluster) Trusting(file string) (err error) {
	c.TLS.trusted = file
	c.HTTP, err = c.TLS.client()
	return err
}

// RootToken is the file of the operator's token.
func (s *Security) RootToken() string { return filepath.Join(s.Dir, "root.token") }

// args are how a member is started. Where more does not say what needs no token, reads and
// transactions do not.
func (s *Security) args(id, contract string, more []string) []string {
	args := []string{"server", "--config", filepath.Join(s.Dir, id, "bpsc.yaml"), "--contract", contract}
	if !slices.Contains(more, "--anonymous") {
		args = append(args, "--anonymous", "read,submit")
	}
	return append(args, more...)
}

// client trusts the cluster's authority alone.
func (s *Security) client() (*http.Client, error) {
	trust, err := s.Trust()
	if err != nil {
		return nil, err
	}
	c := newHTTPClient()
	c.Transport.(*http.Transport).TLSClientConfig = trust
	return c, nil
}
