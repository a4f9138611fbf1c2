package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/intake"
)

// site tells requests that change something apart by who made a browser send
// them: pages of this node and programs may, pages of other sites may not. A
// program, which sends neither Origin nor Sec-Fetch-Site, is held only to the name
// by which it calls this node.
type site struct {
	names   []string // hosts this node is called by, besides IP addresses and localhost
	origins []string // whose pages may write
	cross   *http.CrossOriginProtection
}

func newSite(cfg Config) (*site, error) {
	s := &site{origins: cfg.Origins, cross: http.NewCrossOriginProtection()}
	for _, name := range cfg.Hosts {
		s.names = append(s.names, hostOnly(name))
	}
	for _, origin := range cfg.Origins {
		if err := s.cross.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("api: %w", err)
		}
	}
	return s, nil
}

// sameSite is before everything that changes something, GET /mine included.
func (s *server) sameSite(c *gin.Context) {
	if err := s.site.check(c.Request); err != nil {
		c.Abort()
		s.fail(c, err)
	}
}

func (s *site) check(r *http.Request) error {
	if !s.knows(r.Host) {
		return withDetail(errHostUnknown, fmt.Sprintf(
			"This node does not go by the name %q: a name that leads here must be allowed with --allow-host", intake.Echo(r.Host)))
	}
	asked := *r
	asked.Method = http.MethodPost // GET /mine writes, whatever its name says
	if s.cross.Check(&asked) != nil || !s.refererFits(r) {
		return withDetail(errOriginForeign, "A page of another site sent this: its origin must be allowed with --allow-origin")
	}
	return nil
}

// knows tells whether this node may be called by that host. A page whose DNS
// name was pointed at this node has the name here; nobody can point an IP
// address anywhere, and a program that speaks HTTP/1.0 may say nothing.
func (s *site) knows(host string) bool {
	name := hostOnly(host)
	if _, err := netip.ParseAddr(name); err == nil {
		return true
	}
	return host == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || slices.Contains(s.names, name)
}

// refererFits looks at what browsers send that give no other sign, as for an
// image over plain HTTP.
func (s *site) refererFits(r *http.Request) bool {
	referer := r.Header.Get("Referer")
	if referer == "" || r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != "" {
		return true
	}
	u, err := url.Parse(referer)
	return err == nil && (u.Host == r.Host || slices.Contains(s.origins, u.Scheme+"://"+u.Host))
}

// hostOnly is a Host header without its port, as names are compared.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// operatorOnly is before what only whoever runs this node may do. Where a
// secret is configured the secret is asked for; where none is, the request
// must come straight from this machine.
func (s *server) operatorOnly(c *gin.Context) {
	if s.byOperator(c.Request) {
		return
	}
	detail := "This is for whoever runs the node: send it from the node's own machine, to 127.0.0.1 and not through a proxy, " +
		"or configure --operator-secret-file"
	if s.cfg.OperatorSecret != "" {
		detail = "This is for whoever runs the node: send the operator's secret, as Authorization: Bearer …"
	}
	c.Abort()
	s.fail(c, withDetail(errOperatorOnly, detail))
}

func (s *server) byOperator(r *http.Request) bool {
	if s.cfg.OperatorSecret == "" {
		return direct(r)
	}
	scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	want, got := sha256.Sum256([]byte(s.cfg.OperatorSecret)), sha256.Sum256([]byte(given))
	return strings.EqualFold(scheme, "Bearer") && subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// signsOfProxies are headers that a reverse proxy on this machine adds to what
// it passes on for somebody else.
var signsOfProxies = [...]string{"Forwarded", "Via", "X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "X-Original-Host"}

// direct tells whether a request comes from this machine and was passed on for
// nobody: from a loopback address, by the name of one, without a trace of a
// proxy, and not in HTTP/1.0, which a proxy that adds no header speaks.
func direct(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !peer.Addr().Unmap().IsLoopback() || !r.ProtoAtLeast(1, 1) {
		return false
	}
	for _, name := range signsOfProxies {
		if r.Header[name] != nil {
			return false
		}
	}
	for name := range r.Header {
		if strings.HasPrefix(name, "X-Forwarded-") || strings.HasPrefix(name, "Cf-") {
			return false
		}
	}
	host := hostOnly(r.Host)
	at, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && at.Unmap().IsLoopback()
}

// networkOf is what counts as one client where clients have a share: its
// address may be one of many that it can use.
func networkOf(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	at, err := netip.ParseAddr(host)
	if err != nil {
		return ""
	}
	at = at.Unmap().WithZone("")
	bits := 48
	if at.Is4() {
		bits = 24
	}
	network, _ := at.Prefix(bits)
	return network.String()
}
