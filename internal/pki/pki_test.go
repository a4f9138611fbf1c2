package pki_test

import (
	"crypto/x509"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/pki/pkitest"
)

// A name goes into a certificate and comes out of it, whatever bytes an id has.
func TestNames(t *testing.T) {
	ca := pkitest.Authority(t, "prod")
	for _, id := range []string{"n1", "Zürich 1", "a/b", "n%31", "a?b#c", strings.Repeat("x", 64)} {
		pair := pkitest.Member(t, ca, "prod", id, time.Now())
		name, err := pki.NameOf(pair.Certificate)
		require.NoError(t, err, id)
		require.Equal(t, pki.Name{Cluster: "prod", Member: id}, name)
	}
	for _, bad := range []pki.Name{{"", "n1"}, {"prod", ""}, {"Prod", "n1"}, {"-a", "n1"}, {"a.b", "n1"}, {strings.Repeat("a", 64), "n1"}, {"prod", "n1~0"}, {"prod", strings.Repeat("x", 65)}} {
		_, err := ca.Member(bad, time.Now(), time.Hour)
		require.Error(t, err, bad.String())
	}
	_, err := pki.NameOf(pkitest.Server(t, ca).Certificate)
	require.ErrorIs(t, err, pki.ErrNoName)
}

func TestCheck(t *testing.T) {
	ca, foreign := pkitest.Authority(t, "prod"), pkitest.Authority(t, "prod")
	now := time.Now()
	good := pkitest.Member(t, ca, "prod", "n1", now)
	for name, tt := range map[string]struct {
		cert *x509.Certificate
		use  x509.ExtKeyUsage
		at   time.Time
		want error
	}{
		"good":         {good.Certificate, x509.ExtKeyUsageClientAuth, now, nil},
		"good, server": {good.Certificate, x509.ExtKeyUsageServerAuth, now, nil},
		"expired":      {good.Certificate, x509.ExtKeyUsageClientAuth, now.Add(25 * time.Hour), pki.ErrExpired},
		"not yet":      {good.Certificate, x509.ExtKeyUsageClientAuth, now.Add(-2 * time.Hour), pki.ErrNotYet},
		"foreign":      {pkitest.Member(t, foreign, "prod", "n1", now).Certificate, x509.ExtKeyUsageClientAuth, now, pki.ErrForeign},
		"self-signed":  {pkitest.SelfSigned(t, "prod", "n1").Certificate, x509.ExtKeyUsageClientAuth, now, pki.ErrSelfSigned},
		"wrong use":    {pkitest.Server(t, ca).Certificate, x509.ExtKeyUsageClientAuth, now, pki.ErrWrongUse},
	} {
		err := pki.Check([]*x509.Certificate{tt.cert}, pkitest.Pool(ca), tt.use, tt.at)
		if tt.want == nil {
			require.NoError(t, err, name)
		} else {
			require.ErrorIs(t, err, tt.want, name)
		}
	}
	require.ErrorIs(t, pki.Check(nil, pkitest.Pool(ca), x509.ExtKeyUsageClientAuth, now), pki.ErrNone)
}

// No certificate outlives the authority that signed it, and none is signed by one whose
// time is over.
func TestAnAuthoritysEnd(t *testing.T) {
	made := time.Now().Add(-pki.AuthorityValid + time.Hour)
	ca, err := pki.NewAuthority("prod", made)
	require.NoError(t, err)
	pair, err := ca.Member(pki.Name{Cluster: "prod", Member: "n1"}, time.Now(), pki.LeafValid)
	require.NoError(t, err)
	require.False(t, pair.Certificate.NotAfter.After(ca.Certificate.NotAfter))
	_, err = ca.Member(pki.Name{Cluster: "prod", Member: "n1"}, time.Now().Add(2*time.Hour), pki.LeafValid)
	require.ErrorIs(t, err, pki.ErrExpired)
}

func TestAuthoritiesAreReadBack(t *testing.T) {
	ca := pkitest.Authority(t, "prod")
	cert, key, err := ca.Encode()
	require.NoError(t, err)
	again, err := pki.ReadAuthority(cert, key)
	require.NoError(t, err)
	pair := pkitest.Member(t, again, "prod", "n1", time.Now())
	require.NoError(t, pki.Check([]*x509.Certificate{pair.Certificate}, pkitest.Pool(ca), x509.ExtKeyUsageClientAuth, time.Now()))

	leafCert, leafKey, err := pair.Encode()
	require.NoError(t, err)
	_, err = pki.ReadAuthority(leafCert, leafKey)
	require.Error(t, err, "a leaf is no authority")
	for name, text := range map[string]string{
		"nothing": "", "no PEM": "x", "a key": string(leafKey), "a leaf": string(leafCert), "something behind": string(cert) + "x",
		"too much": strings.Repeat(" ", pki.MaxFile+1),
	} {
		_, err := pki.Pool([]byte(text))
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "BEGIN", name)
	}
}

// Whatever stands in a file of certificates, reading it ends, with certificates or an error.
func FuzzCertificates(f *testing.F) {
	ca, err := pki.NewAuthority("prod", time.Now())
	if err != nil {
		f.Fatal(err)
	}
	cert, key, err := ca.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(cert)
	f.Add(append(cert, key...))
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := pki.Certificates(text)
		if (err == nil) == (len(list) == 0) {
			t.Errorf("%d certificates, %v", len(list), err)
		}
		for _, cert := range list {
			if name, err := pki.NameOf(cert); err == nil && name.Validate() != nil {
				t.Errorf("%s is no name", name)
			}
		}
	})
}
