package access

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// site tells requests apart by who made a browser send them. None is answered that
// calls this node by a name that is not its own, or a page whose name was pointed here
// could read what only this machine reaches. Requests that change something pages of
// this node and programs may send, pages of other sites may not, but for those of other
// members where the caller says so; a program sends neither Origin nor Sec-Fetch-Site.
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
			return nil, fmt.Errorf("access: %w", err)
		}
	}
	return s, nil
}

// Named says why a request is refused for the name by which it calls this node; nil
// where it is not.
func (g *Guard) Named(r *http.Request) error {
	if g.by.Load().site.knows(r.Host) {
		return nil
	}
	return forbidden(outcome.HostUnknown, fmt.Sprintf(
		"This node does not go by the name %q: a name that leads here must be allowed with --allow-host", intake.Echo(r.Host)))
}

// SameSite says why a request that changes something is refused for what sent it,
// GET /mine included; nil where it is not. Pages of peers, which are origins, may post.
func (g *Guard) SameSite(r *http.Request, peers ...string) error {
	if postedFrom(r, peers) {
		return nil
	}
	return g.by.Load().site.check(r)
}

// postedFrom tells whether a page of one of these origins posts. The browser says so itself,
// once, and as it writes origins; no page can have it say anything else, and what else it
// says (Sec-Fetch-Site, Referer) only that they are two.
func postedFrom(r *http.Request, origins []string) bool {
	given := r.Header["Origin"]
	return r.Method == http.MethodPost && len(given) == 1 && slices.Contains(origins, given[0])
}

func (s *site) check(r *http.Request) error {
	asked := r
	if r.Method != http.MethodPost {
		asked = new(http.Request)
		*asked = *r
		asked.Method = http.MethodPost // GET /mine writes, whatever its name says
	}
	if s.cross.Check(asked) != nil || !s.refererFits(r) {
		return forbidden(outcome.OriginForeign, "A page of another site sent this: its origin must be allowed with --allow-origin")
	}
	return nil
}

// knows tells whether this node may be called by that host. A page whose DNS
// name was pointed at this node has the name here; nobody can point an IP
// address anywhere, and a program that speaks HTTP/1.0 may say nothing.
func (s *site) knows(host string) bool {
	name := hostOnly(host)
	if host == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") || slices.Contains(s.names, name) {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
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
