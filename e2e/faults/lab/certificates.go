package lab

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/plan"
	"github.com/bpsc/bpsc/internal/harness"
)

// ending is how long a certificate is good for that is to end within a round.
const ending = 1500 * time.Millisecond

// taking bounds how long a member may take to show a certificate whose files are in their place:
// it looks every five seconds.
const taking = 10 * time.Second

// strikeCertificates has an operator make new certificates: for all members, while theirs are
// good, or late, for one whose certificate has ended.
func (w *World) strikeCertificates(s plan.Step, one []int) (struck, error) {
	if w.Cluster.TLS == nil {
		return struck{}, errors.New("it takes members that talk TLS")
	}
	var all []*harness.Member
	for _, i := range w.present() {
		all = append(all, w.Cluster.Members[i])
	}
	switch s.Fault {
	case "certificates":
		return w.operation("all members", w.renew(all, false)...)
	case "authority":
		return w.operation("all members", w.succeed(all)...)
	}
	if len(one) == 0 {
		return struck{}, errNobody
	}
	m := w.Cluster.Members[one[0]]
	steps := []step{func(context.Context) error {
		// Nothing that others say to it, or it to them, counts from now on.
		w.mark(m.ID, s.Fault, true)
		return nil
	}, w.doing(func(context.Context) error { return w.Cluster.TLS.RenewFor(ending, m.ID) }), func(context.Context) error {
		return m.Signal(syscall.SIGHUP) // it is not to end before it has been taken
	}, w.settle(s.For)}
	steps = append(steps, w.renew([]*harness.Member{m}, true)...)
	return w.operation(m.ID, append(steps, func(context.Context) error {
		w.mark(m.ID, s.Fault, false)
		return nil
	})...)
}

// renew are the steps in which members get new certificates and take them, told or not. Others that do not run
// get them, too.
func (w *World) renew(members []*harness.Member, told bool, others ...string) []step {
	var addresses []string
	ids := others
	for _, m := range members {
		addresses, ids = append(addresses, strings.TrimPrefix(m.URL, "https://"), m.Raft), append(ids, m.ID)
	}
	before := map[string]string{}
	return []step{
		w.doing(func(ctx context.Context) error {
			for _, at := range addresses {
				before[at] = shown(ctx, at) // where nobody shows any, any that is shown later is a new one
			}
			return w.Cluster.TLS.Renew(ids...)
		}),
		func(context.Context) error {
			for _, m := range members {
				if told {
					if err := m.Signal(syscall.SIGHUP); err != nil {
						return err
					}
				}
			}
			return nil
		},
		w.doing(func(ctx context.Context) error {
			for _, at := range addresses {
				err := harness.Until(ctx, taking, "a new certificate at "+at, func(ctx context.Context) error {
					if now := shown(ctx, at); now == "" || now == before[at] {
						return fmt.Errorf("it shows %q, as before", now)
					}
					return nil
				})
				if err != nil {
					return err
				}
			}
			return nil
		}),
	}
}

// shown is the serial number of the certificate that is shown at an address; "" for none.
func shown(ctx context.Context, at string) string {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	d := tls.Dialer{NetDialer: &net.Dialer{}, Config: &tls.Config{InsecureSkipVerify: true}} // whoever it is: it is only looked at
	conn, err := d.DialContext(ctx, "tcp", at)
	if err != nil {
		return ""
	}
	defer func() { _ = conn.Close() }()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String()
}
