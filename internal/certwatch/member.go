package certwatch

import (
	"crypto/x509"
	"fmt"
	"log/slog"
	"time"

	"github.com/bpsc/bpsc/internal/pki"
)

// OpenMember reads the certificates that a member shows the others. They have to name it,
// and never another cluster than at first.
func OpenMember(files Files, id string, log *slog.Logger) (*Source, error) {
	if files.CA == "" {
		return nil, fmt.Errorf("%s: without authorities nobody can be trusted", files.Cert)
	}
	var cluster string
	return Open(files, func(m *Material) error {
		name, err := pki.NameOf(m.Certificate.Leaf)
		switch {
		case err != nil:
			return err
		case name.Member != id:
			return fmt.Errorf("%w: it names %s, and this member is %s", pki.ErrOtherName, name, id)
		case cluster != "" && name.Cluster != cluster:
			return fmt.Errorf("%w: it names %s, and the one before the cluster %s", pki.ErrOtherName, name, cluster)
		}
		for _, use := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			if err := m.Check(use); err != nil {
				return err
			}
		}
		cluster = name.Cluster
		return nil
	}, log)
}

// Check verifies the certificate as others will who trust the same authorities.
func (m *Material) Check(use x509.ExtKeyUsage) error {
	chain := []*x509.Certificate{m.Certificate.Leaf}
	for _, der := range m.Certificate.Certificate[1:] {
		between, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		chain = append(chain, between)
	}
	return pki.Check(chain, m.Roots, use, time.Now())
}
