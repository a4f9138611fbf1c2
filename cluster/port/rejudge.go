package port

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/internal/pki"
)

// rejudgeEvery is how often open connections are looked at again; certificates are taken
// anew as often.
const rejudgeEvery = 5 * time.Second

// shown is what the other side of a connection has shown of itself: the zero value where
// the connection is plain.
type shown struct {
	id    string              // for which the certificate is
	chain []*x509.Certificate // the certificate, and those between it and an authority
	use   x509.ExtKeyUsage
}

// rejudge ends connections whose certificate would not be taken any more, every now and
// then: TLS looks at it when a connection begins, and members keep theirs open for weeks.
func (p *Port) rejudge() {
	tick := time.NewTicker(rejudgeEvery)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			p.rejudgeAt(now)
		case <-p.ctx.Done():
			return
		}
	}
}

func (p *Port) rejudgeAt(now time.Time) {
	roots := p.security.Certificates.Current().Roots
	for conn, s := range p.secured() {
		if err := pki.Check(s.chain, roots, s.use, now); err != nil {
			p.turnedAway(conn.raw.RemoteAddr(), fmt.Errorf("%w with %s, on an open connection: %w", errHandshake, s.id, err))
			_ = conn.raw.Close() // whoever reads from it closes the rest
		}
	}
}

// secured are the connections that have shown a certificate, and go on after that.
func (p *Port) secured() map[*portConn]shown {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := map[*portConn]shown{}
	for conn := range p.conns {
		if conn.shown.chain != nil {
			list[conn] = conn.shown
		}
	}
	return list
}
