package port

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/internal/pki/pkitest"
)

// A connection ends with what it began with: a certificate whose time is over, or whose
// authority is trusted no longer. One that is still good goes on.
func TestOpenConnectionsAreJudgedAgain(t *testing.T) {
	ca, next := pkitest.Authority(t, "one"), pkitest.Authority(t, "one")
	for _, tt := range []struct {
		name   string
		change func(b securePort)
		at     time.Time
		said   string // nothing where it goes on
	}{
		{"nothing changed", func(securePort) {}, time.Now(), ""},
		{"a day later", func(securePort) {}, time.Now().Add(25 * time.Hour), "its certificate has expired"},
		{"another authority", func(b securePort) {
			pkitest.Write(t, strings.TrimSuffix(b.files.Cert, "/tls.crt"), pkitest.Member(t, next, "one", "b", time.Now()), next)
			if err := b.security.Certificates.Reload(); err != nil {
				t.Fatal(err)
			}
		}, time.Now(), "from an authority that is not trusted here"},
	} {
		for _, judge := range []string{"who was called", "who called"} {
			t.Run(tt.name+", "+judge, func(t *testing.T) {
				a, b := member(t, ca, "a", false), member(t, ca, "b", false)
				from, to := a, b
				if judge == "who called" {
					from, to = b, a
				}
				from.Follow(map[string]string{to.name: to.at})
				conn, err := from.Dial(t.Context(), to.name)
				if err != nil {
					t.Fatal(err)
				}
				defer conn.Close()
				tt.change(b)
				b.rejudgeAt(tt.at)
				if err := echo(conn); (err == nil) != (tt.said == "") {
					t.Errorf("the connection: %v", err)
				}
				if !strings.Contains(b.log.String(), tt.said) {
					t.Errorf("the log has no %q: %s", tt.said, b.log.String())
				}
			})
		}
	}
}

func echo(conn net.Conn) error {
	conn.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(conn, "x"); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, make([]byte, 1))
	return err
}
