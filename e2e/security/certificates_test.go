package security

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/pki"
	"github.com/bpsc/bpsc/internal/pki/pkitest"
)

// Whoever comes to the members' port with another certificate than a member's, or with
// none, is not let in; the cluster does not notice.
func TestStrangersOnTheMembersPort(t *testing.T) {
	l := startLocked(t)
	l.pay()
	cert, err := os.ReadFile(l.TLS.Authorities())
	require.NoError(t, err)
	key, err := os.ReadFile(filepath.Join(l.TLS.Dir, "ca.key"))
	require.NoError(t, err)
	ca, err := pki.ReadAuthority(cert, key)
	require.NoError(t, err)
	at := l.Members[0].Raft
	name, err := pki.NameOf(shown(t, at))
	require.NoError(t, err)
	foreign := pkitest.Authority(t, name.Cluster)
	client, err := ca.Server([]string{"127.0.0.1"}, time.Now(), time.Hour)
	require.NoError(t, err)

	member := pkitest.Member(t, ca, name.Cluster, "n2", time.Now())
	require.NoError(t, refusal(t, at, &member), "the certificate of a member is good")
	expired, err := ca.Member(pki.Name{Cluster: name.Cluster, Member: "n2"}, time.Now(), -time.Second)
	require.NoError(t, err)
	for what, tc := range map[string]struct {
		pair  *pki.Pair
		alert string
	}{
		"no certificate":                {nil, "certificate required"},
		"one that has expired":          {&expired, "expired certificate"},
		"one of another authority":      {with(pkitest.Member(t, foreign, name.Cluster, "n2", time.Now())), "unknown certificate authority"},
		"one that its own key signed":   {with(pkitest.SelfSigned(t, name.Cluster, "n2")), "unknown certificate authority"},
		"one of another cluster's name": {with(pkitest.Member(t, ca, "another", "n2", time.Now())), "bad certificate"},
		"one for clients":               {&client, "bad certificate"},
	} {
		require.ErrorContains(t, refusal(t, at, tc.pair), tc.alert, what)
	}
	conn, err := net.Dial("tcp", at)
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = conn.Write([]byte("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	require.NoError(t, err)
	_, err = conn.Read(make([]byte, 1))
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded, "who speaks plain HTTP is sent away")
	l.pay()
	l.nothingHappened()
}

func with(p pki.Pair) *pki.Pair { return &p }

// shown is the certificate of who answers at an address.
func shown(t *testing.T, at string) *x509.Certificate {
	t.Helper()
	conn, err := tls.Dial("tcp", at, &tls.Config{InsecureSkipVerify: true})
	require.NoError(t, err)
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0]
}

// refusal is why a connection with a certificate is not held; nil where the other side
// waits for what a member says first.
func refusal(t *testing.T, at string, pair *pki.Pair) error {
	t.Helper()
	conn, err := tls.Dial("tcp", at, &tls.Config{
		InsecureSkipVerify: true,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			c := tls.Certificate{}
			if pair != nil {
				c = pkitest.TLS(*pair)
			}
			return &c, nil
		},
	})
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	require.NoError(t, conn.SetReadDeadline(time.Now().Add(time.Second)))
	if _, err = conn.Read(make([]byte, 1)); errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return err
}
