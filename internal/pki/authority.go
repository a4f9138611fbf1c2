// Package pki makes the certificates of a cluster and says what is wrong with those that
// it is shown. One authority signs for the members among each other, whose certificates
// name cluster and member in a URI, and for what clients see, whose certificates have
// names and addresses. docs/adr/0041-tls.md says what either is good for.
package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"net/url"
	"time"
)

const (
	// AuthorityValid is how long an authority is good for.
	AuthorityValid = 10 * 365 * 24 * time.Hour
	// LeafValid is how long the certificates that it signs are.
	LeafValid = 365 * 24 * time.Hour
	// backdated is how far the clocks of those who look at a new certificate may be
	// behind that of whoever made it.
	backdated = time.Hour
)

// Authority signs certificates. Who has its key can be any member.
type Authority struct {
	Certificate *x509.Certificate
	key         crypto.Signer
}

// NewAuthority makes the authority of a cluster.
func NewAuthority(cluster string, now time.Time) (*Authority, error) {
	if err := ValidCluster(cluster); err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := template("bpsc CA of "+cluster, now, AuthorityValid)
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLenZero = true, true, true
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	cert, err := sign(template, template, key.Public(), key)
	return &Authority{cert, key}, err
}

// Member signs a certificate for a member among the others.
func (a *Authority) Member(name Name, now time.Time, valid time.Duration) (Pair, error) {
	if err := name.Validate(); err != nil {
		return Pair{}, err
	}
	t := template(name.Member+" of "+name.Cluster, now, valid)
	t.URIs = []*url.URL{name.URI()}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	return a.issue(t)
}

// Server signs a certificate for what clients reach under these names and addresses.
func (a *Authority) Server(hosts []string, now time.Time, valid time.Duration) (Pair, error) {
	if len(hosts) == 0 {
		return Pair{}, errors.New("a certificate for clients needs a name or an address")
	}
	t := template(hosts[0], now, valid)
	for _, host := range hosts {
		if ip, err := netip.ParseAddr(host); err == nil {
			t.IPAddresses = append(t.IPAddresses, net.IP(ip.Unmap().AsSlice()))
		} else {
			t.DNSNames = append(t.DNSNames, host)
		}
	}
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	return a.issue(t)
}

func (a *Authority) issue(t *x509.Certificate) (Pair, error) {
	if t.NotAfter.After(a.Certificate.NotAfter) {
		t.NotAfter = a.Certificate.NotAfter // none outlives who signed it
	}
	if err := ValidAt(a.Certificate, t.NotBefore.Add(backdated)); err != nil {
		return Pair{}, fmt.Errorf("the authority: %w", err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Pair{}, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	cert, err := sign(t, a.Certificate, key.Public(), a.key)
	return Pair{cert, key}, err
}

func template(name string, now time.Time, valid time.Duration) *x509.Certificate {
	serial, _ := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)) // it never fails
	if runes := []rune(name); len(runes) > 64 {
		name = string(runes[:64]) // what X.509 allows; nobody goes by it
	}
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{Organization: []string{"bpsc"}, CommonName: name},
		NotBefore:    now.Add(-backdated),
		NotAfter:     now.Add(valid),
	}
}

func sign(template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
