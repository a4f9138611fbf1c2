package node

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/internal/certwatch"
	"github.com/bpsc/bpsc/internal/loopback"
	"github.com/bpsc/bpsc/internal/pki"
)

// TLS says what a node shows clients and whom it trusts over https. Its files are looked
// at every few seconds and taken without a restart, but for CACert.
type TLS struct {
	// Cert and Key are the files of the certificate for clients, and of its key. Without
	// them Listen has to be a loopback address, unless Insecure.
	Cert, Key string
	// CACert is the file of the authorities that are trusted where this node asks others
	// over https; when empty, those of the system.
	CACert string
	// Insecure allows plain HTTP, and plain connections between members, over networks
	// where everybody can read them and change what they say.
	Insecure bool
}

// MemberTLS is what a member shows the others. Without it their connections are plain,
// and Raft has to be a loopback address, unless Insecure.
type MemberTLS struct {
	// CA is the file of the authorities of the members' certificates, Cert that of this
	// member's, whose URI is bpsc://CLUSTER/member/ID, and Key that of its key.
	CA, Cert, Key string
	// AcceptPlain takes members that speak plainly as well: while a cluster goes over
	// to TLS.
	AcceptPlain bool
}

// validate says what is wrong with t for a node that listens there.
func (t *TLS) validate(listen string) error {
	switch {
	case (t.Cert == "") != (t.Key == ""):
		return errors.New("--tls-cert and --tls-key go together")
	case listen == "" || t.Cert != "" || t.Insecure || loopback.Listens(listen):
		return nil
	}
	return fmt.Errorf("--listen %s is reached from other machines, so it needs --tls-cert and --tls-key: "+
		"bpsc init makes them; --insecure serves plain HTTP, which anybody on the way can read and change", listen)
}

func (t *MemberTLS) validate(listen string, insecure bool) error {
	given := 0
	for _, path := range []string{t.CA, t.Cert, t.Key} {
		if path != "" {
			given++
		}
	}
	switch {
	case given != 0 && given != 3:
		return errors.New("--member-ca, --member-cert and --member-key go together")
	case given == 0 && t.AcceptPlain:
		return errors.New("--member-tls accept needs --member-ca, --member-cert and --member-key")
	case given == 3 || insecure || listen == "" || loopback.Listens(listen):
		return nil
	}
	return fmt.Errorf("--raft %s is reached from other machines, so it needs --member-ca, --member-cert and --member-key: "+
		"bpsc init makes them; --insecure has members talk so that anybody on the way can read, change and join in", listen)
}

// scheme is that of the node's URLs.
func (t *TLS) scheme() string {
	if t.Cert != "" {
		return "https://"
	}
	return "http://"
}

// sheltered tells whether the node serves plain HTTP on a loopback address: whoever
// reaches it is on this machine, and needs no more.
func (c *Common) sheltered() bool { return c.TLS.Cert == "" && loopback.Listens(c.Listen) }

// certificates are those of a node; each nil where it has none.
type certificates struct {
	api, member *certwatch.Source
	trusted     *tls.Config // where this node asks others; nil for the system's authorities
}

// openCertificates reads the files of certificates, before anything is written. They are
// read again by themselves, and when the configuration is reloaded at once.
func (s *service) openCertificates() (err error) {
	s.reloads(func(*Common, *Access) (func(), error) { return func() {}, s.ReloadCertificates() })
	t := s.common.TLS
	if t.Cert != "" {
		if s.certificates.api, err = certwatch.Open(certwatch.Files{Cert: t.Cert, Key: t.Key}, nil, s.log); err != nil {
			return usage(fmt.Errorf("--tls-cert: %w", err))
		}
	}
	pool, err := Authorities(t.CACert)
	if pool != nil {
		s.certificates.trusted = &tls.Config{RootCAs: pool}
	}
	return err
}

// Authorities reads a file of those that are trusted over https; none where path is "",
// for the system's.
func Authorities(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--cacert: %w", err)
	}
	pool, err := pki.Pool(text)
	if err != nil {
		return nil, usage(fmt.Errorf("--cacert %s: %w", path, err))
	}
	return pool, nil
}

// openMemberCertificates does the same for those among members.
func (m *Member) openMemberCertificates() (err error) {
	t := m.cfg.MemberTLS
	if t.Cert == "" {
		return nil
	}
	files := certwatch.Files{Cert: t.Cert, Key: t.Key, CA: t.CA}
	if m.certificates.member, err = certwatch.OpenMember(files, m.cfg.ID, m.log); err != nil {
		return usage(fmt.Errorf("--member-cert: %w", err))
	}
	return nil
}

// CheckFiles looks at the files of certificates that c names as a start does, and starts
// nothing.
func (c *MemberConfig) CheckFiles() error {
	m := &Member{service: &service{common: c.Common, log: slog.New(slog.DiscardHandler)}, cfg: *c}
	return errors.Join(m.openCertificates(), m.openMemberCertificates())
}

// CheckFiles is MemberConfig.CheckFiles for any node, without what only members have.
func (c *Common) CheckFiles() error {
	return (&service{common: *c, log: slog.New(slog.DiscardHandler)}).openCertificates()
}

// security is how this member talks to the others.
func (m *Member) security() port.Security {
	return port.Security{Certificates: m.certificates.member, AcceptPlain: m.cfg.MemberTLS.AcceptPlain}
}

// sources are the certificates that follow their files.
func (c *certificates) sources() (list []*certwatch.Source) {
	for _, s := range []*certwatch.Source{c.api, c.member} {
		if s != nil {
			list = append(list, s)
		}
	}
	return list
}

// watchCertificates follows the files until ctx ends.
func (s *service) watchCertificates(ctx context.Context) {
	for _, source := range s.certificates.sources() {
		s.work.Go(func() { source.Run(ctx) })
	}
}

// ReloadCertificates looks at the files of certificates now. Where they are not good those
// before are kept, and the error says why.
func (s *service) ReloadCertificates() (err error) {
	for _, source := range s.certificates.sources() {
		err = errors.Join(err, source.Reload())
	}
	return err
}

// Certificates are those that the node uses at the moment.
func (s *service) Certificates() (list []api.CertificateStatus) {
	if source := s.certificates.api; source != nil {
		list = append(list, api.CertificateStatus{Use: "api", NotAfter: source.Expiry()})
	}
	if source := s.certificates.member; source != nil {
		list = append(list, api.CertificateStatus{Use: "member", NotAfter: source.Expiry()})
	}
	return list
}

// serveListener serves what the node serves, over TLS where it has a certificate.
func (s *service) serveListener(l net.Listener) error {
	if s.certificates.api == nil {
		return s.server.Serve(l)
	}
	return s.server.ServeTLS(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.certificates.api.Certificate})
}

// show puts t among the settings that an operator sees: paths, and nothing of what is there.
func (t *TLS) show(in map[string]string) {
	in["tls-cert"], in["tls-key"], in["cacert"], in["insecure"] = t.Cert, t.Key, t.CACert, strconv.FormatBool(t.Insecure)
}

func (t *MemberTLS) show(in map[string]string) {
	in["member-ca"], in["member-cert"], in["member-key"], in["member-tls"] = t.CA, t.Cert, t.Key, "require"
	if t.AcceptPlain {
		in["member-tls"] = "accept"
	}
}
