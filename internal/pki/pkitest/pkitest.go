// Package pkitest makes certificates for tests, good ones and bad ones.
package pkitest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net/url"

	"path/filepath"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/certwatch"
	"github.com/bpsc/bpsc/internal/durable"
	"github.com/bpsc/bpsc/internal/pki"
)

// Authority is one that was made ten days ago.
func Authority(t testing.TB, cluster string) *pki.Authority {
	t.Helper()
	a, err := pki.NewAuthority(cluster, time.Now().Add(-10*24*time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Member is a certificate for a member, made at a time and good for a day from then on.
func Member(t testing.TB, a *pki.Authority, cluster, id string, at time.Time) pki.Pair {
	t.Helper()
	pair, err := a.Member(pki.Name{Cluster: cluster, Member: id}, at, 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// Server is a certificate for clients on loopback.
func Server(t testing.TB, a *pki.Authority) pki.Pair {
	t.Helper()
	pair, err := a.Server([]string{"127.0.0.1", "localhost"}, time.Now(), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return pair
}

// SelfSigned is a certificate that names a member, and that its own key has signed.
func SelfSigned(t testing.TB, cluster, id string) pki.Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		URIs:        []*url.URL{pki.Name{Cluster: cluster, Member: id}.URI()},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return pki.Pair{Certificate: cert, Key: key}
}

// TLS is a pair for tls.Config.
func TLS(p pki.Pair) tls.Certificate {
	return tls.Certificate{Certificate: [][]byte{p.Certificate.Raw}, PrivateKey: p.Key, Leaf: p.Certificate}
}

// Pool is those that trust an authority.
func Pool(a *pki.Authority) *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.Certificate)
	return pool
}

// Write writes a pair and the authorities that are trusted into a folder, over those
// that are there.
func Write(t testing.TB, dir string, pair pki.Pair, trusted ...*pki.Authority) certwatch.Files {
	t.Helper()
	files := certwatch.Files{Cert: filepath.Join(dir, "tls.crt"), Key: filepath.Join(dir, "tls.key")}
	cert, key, err := pair.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write(t, files.Cert, cert)
	write(t, files.Key, key)
	if len(trusted) == 0 {
		return files
	}
	files.CA = filepath.Join(dir, "ca.crt")
	var all []byte
	for _, a := range trusted {
		cert, _, err := a.Encode()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, cert...)
	}
	write(t, files.CA, all)
	return files
}

func write(t testing.TB, path string, text []byte) {
	t.Helper()
	if err := durable.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
