package port

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/internal/certwatch"
	"github.com/bpsc/bpsc/internal/pki"
)

// Where members have certificates a connection is one of TLS 1.3 before anything else,
// and each side has shown who it is: what is said inside may claim nothing else. By the
// first byte a listener tells who speaks plainly, and answers so that the other sees it.
const (
	recordHandshake = 0x16 // how TLS begins

	// maxUnread is what is read of a hello that comes in vain: closed with some of it
	// unread, a connection may lose the answer.
	maxUnread = 16 << 10
)

// Security is how connections between members are protected.
type Security struct {
	// Certificates are this member's own, by which it goes, and the authorities of the
	// others'. Without them everything is plain.
	Certificates *certwatch.Source
	// AcceptPlain takes members that speak plainly as well, and speaks so to those that
	// know nothing else: while a cluster goes over to TLS one member after the other.
	AcceptPlain bool
}

// errPlain: the other side speaks without TLS.
var errPlain = errors.New("it speaks without TLS: it has no certificate, or runs an older release")

// errNoCertificates: the other side speaks TLS, and this one cannot.
var errNoCertificates = errors.New("it speaks TLS, and this member has no certificate")

// secure makes a connection that was accepted one of TLS, or leaves it plain where
// that is allowed.
func (p *Port) secure(conn *portConn) error {
	first := make([]byte, 1)
	if _, err := io.ReadFull(conn.raw, first); err != nil {
		return err
	}
	conn.Conn = &begun{Conn: conn.raw, first: first}
	source := p.security.Certificates
	switch speaksTLS := first[0] == recordHandshake; {
	case source == nil && speaksTLS:
		return p.inVain(conn, hasNoTLS, errNoCertificates)
	case source != nil && !speaksTLS && !p.security.AcceptPlain:
		return p.inVain(conn, needsTLS, errPlain)
	case !speaksTLS:
		return nil
	}
	m := source.Current()
	var theirs shown
	encrypted := tls.Server(conn.Conn, &tls.Config{
		MinVersion:                  tls.VersionTLS13,
		Certificates:                []tls.Certificate{m.Certificate},
		ClientAuth:                  tls.RequireAndVerifyClientCert,
		ClientCAs:                   m.Roots,
		SessionTicketsDisabled:      true, // each connection shows its certificate
		DynamicRecordSizingDisabled: true, // entries are large, and nobody waits for a first byte
		VerifyConnection: func(state tls.ConnectionState) (err error) {
			theirs, err = certified(m, state.PeerCertificates, x509.ExtKeyUsageClientAuth, "")
			return err
		},
	})
	if err := encrypted.HandshakeContext(p.ctx); err != nil {
		conn.drain() // it is told why, by an alert
		return explain(err)
	}
	p.encrypt(conn, encrypted, theirs)
	return nil
}

// encrypt goes on with a connection over TLS.
func (p *Port) encrypt(conn *portConn, over *tls.Conn, with shown) {
	p.mu.Lock()
	defer p.mu.Unlock()
	conn.Conn, conn.shown = over, with
}

// inVain tells whoever speaks the other language what is the matter.
func (p *Port) inVain(conn *portConn, v Verdict, err error) error {
	if _, err := conn.raw.Write(append([]byte(handshakeMagic), handshakeVersion, byte(v))); err == nil {
		conn.drain()
	}
	return err
}

// drain reads what the other side has sent already, until it has seen what it was told
// and closes, or the time of the handshake is over.
func (c *portConn) drain() { _, _ = io.CopyN(io.Discard, c.raw, maxUnread) }

// secureDialled makes a connection that was dialled one of TLS, with the member of an
// id, or any where it is "".
func (p *Port) secureDialled(ctx context.Context, conn *portConn, id string) error {
	m := p.security.Certificates.Current()
	var theirs shown
	encrypted := tls.Client(conn.raw, &tls.Config{
		MinVersion: tls.VersionTLS13,
		// Always, so that who refuses it says why.
		GetClientCertificate:        func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &m.Certificate, nil },
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true, // VerifyConnection does it: a member is known by its URI, wherever it is
		VerifyConnection: func(state tls.ConnectionState) (err error) {
			if err = pki.Check(state.PeerCertificates, m.Roots, x509.ExtKeyUsageServerAuth, time.Now()); err == nil {
				theirs, err = certified(m, state.PeerCertificates, x509.ExtKeyUsageServerAuth, id)
			}
			return err
		},
	})
	err := encrypted.HandshakeContext(ctx)
	switch {
	case err == nil:
		p.encrypt(conn, encrypted, theirs)
		return nil
	case p.security.AcceptPlain && (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)):
		return errPlain // an older release hangs up without a word
	}
	return explain(err)
}

// certified is what a certificate shows that has been verified: that it is of a member of
// the same cluster, and of which.
func certified(own *certwatch.Material, chain []*x509.Certificate, use x509.ExtKeyUsage, wanted string) (shown, error) {
	this, err := pki.NameOf(own.Certificate.Leaf)
	if err != nil {
		return shown{}, err
	}
	name, err := pki.NameOf(chain[0])
	switch {
	case err != nil:
		return shown{}, err
	case name.Cluster != this.Cluster:
		return shown{}, fmt.Errorf("%w: it is of cluster %s, and this is %s", pki.ErrOtherName, name.Cluster, this.Cluster)
	case wanted != "" && name.Member != wanted:
		return shown{}, fmt.Errorf("%w: it names %s, and %s was looked for", pki.ErrOtherName, name.Member, wanted)
	}
	return shown{name.Member, chain, use}, nil
}

// explain says what ended a handshake of TLS, in words for whoever runs the members.
func explain(err error) error {
	var plain tls.RecordHeaderError
	var bad *tls.CertificateVerificationError
	var net *net.OpError
	switch {
	case errors.As(err, &plain) && strings.HasPrefix(handshakeMagic, string(plain.RecordHeader[:len(handshakeMagic)])):
		return errPlain
	case errors.As(err, &plain):
		return errors.New("it does not speak TLS, and is no member")
	case errors.As(err, &bad) && len(bad.UnverifiedCertificates) > 0:
		return pki.Explain(bad.Err, bad.UnverifiedCertificates[0], time.Now())
	case errors.As(err, &net) && net.Op == "remote error":
		// What it said is all there is to know, and it is not silent.
		return fmt.Errorf("it does not take this member's certificate: %s", strings.TrimPrefix(net.Err.Error(), "tls: "))
	case strings.Contains(err.Error(), "didn't provide a certificate"):
		return pki.ErrNone
	}
	return err
}

// begun is a connection of which the first byte has been read.
type begun struct {
	net.Conn
	first []byte
}

// Read implements net.Conn.
func (c *begun) Read(p []byte) (int, error) {
	if len(c.first) == 0 || len(p) == 0 {
		return c.Conn.Read(p)
	}
	n := copy(p, c.first)
	c.first = c.first[n:]
	return n, nil
}
