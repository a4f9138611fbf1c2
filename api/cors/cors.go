// Package cors is Cross-Origin Resource Sharing: which routes pages of other members may
// use, and how that is told to browsers.
//
// A page outlives the member that has sent it: it goes on with another one, which for a
// browser is another site. So a member lets the pages of the other members, and of
// nobody else, read what needs the role read, and post what needs the role submit. What
// operators do is left to a member's own page, and no header lets a browser send anything
// by itself: there are no cookies. See docs/adr/0062-the-page.md and
// docs/adr/0067-pages-of-other-members-send.md.
package cors

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/internal/protocol"
)

// Headers of CORS, as net/http spells them.
const (
	headerOrigin       = "Origin"
	headerAllowOrigin  = "Access-Control-Allow-Origin"
	headerAllowMethods = "Access-Control-Allow-Methods"
	headerAllowHeaders = "Access-Control-Allow-Headers"
	headerExpose       = "Access-Control-Expose-Headers"
	headerMaxAge       = "Access-Control-Max-Age"
	headerAsked        = "Access-Control-Request-Method"
	headerVary         = "Vary"
	headerCache        = "Cache-Control"
)

// Values of headers, shared by all answers and never changed.
var (
	varyOrigin     = []string{headerOrigin}
	readMethods    = []string{"GET, HEAD"}
	writeMethods   = []string{http.MethodPost}
	readHeaders    = []string{"Authorization"} // a token
	writeHeaders   = []string{"Authorization, Content-Type, " + protocol.IdempotencyKey}
	exposedHeaders = []string{protocol.AppliedIndex + ", " + protocol.LastContact + ", " + protocol.RequestID + ", Retry-After"}
	tenMinutes     = []string{"600"}
	noStore        = []string{"no-store"}
)

// Routes are what pages of peers may use. They are set before any request comes, and never
// changed after. The zero value shares nothing.
type Routes struct {
	peers  func() []string // origins whose pages may
	routes map[string]bool // method and path, as a request has been routed
	paths  *http.ServeMux  // the same, for a browser that asks before: there is no route yet
}

// New shares nothing yet, with pages of the origins that peers returns.
func New(peers func() []string) Routes {
	return Routes{peers, map[string]bool{}, http.NewServeMux()}
}

// Add shares a route, as gin writes it: /v1/blocks/:index.
func (s *Routes) Add(method, route string) {
	s.routes[method+" "+route] = true
	s.paths.Handle(method+" "+muxPattern(route), http.NotFoundHandler())
}

// muxPattern is such a route as net/http writes it.
func muxPattern(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if name, one := strings.CutPrefix(segment, ":"); one {
			segments[i] = "{" + name + "}"
		} else if name, rest := strings.CutPrefix(segment, "*"); rest {
			segments[i] = "{" + name + "...}"
		}
	}
	return strings.Join(segments, "/")
}

// Allow says to the page of a peer that it may have the answer to a request that such pages
// may make, whatever the answer is.
func (s *Routes) Allow(answer http.Header, r *http.Request, route string) {
	if origin := s.Origin(r, route); origin != nil {
		answer[headerAllowOrigin], answer[headerExpose], answer[headerVary] = origin, exposedHeaders, varyOrigin
	}
}

// Vary says that the answer may be another for another page, or for none, whoever asked
// this time.
func Vary(answer http.Header) { answer[headerVary] = varyOrigin }

// Origin is that of the page of a peer that makes a request which such pages may make; nil
// of any other. The route is that which the router has found, so no way to write a path
// leads elsewhere than it says.
func (s *Routes) Origin(r *http.Request, route string) []string {
	if len(r.Header[headerOrigin]) == 0 || !s.routes[r.Method+" "+route] {
		return nil
	}
	return s.peerOf(r)
}

// Preflight answers a browser that asks whether a page of a peer may send its token with a
// read, or post. It tells whether that was the question; the answer has no body.
func (s *Routes) Preflight(answer http.Header, r *http.Request) bool {
	asked := r.Header.Get(headerAsked)
	if r.Method != http.MethodOptions {
		return false
	}
	origin := s.peerOf(r)
	if origin == nil {
		return false
	}
	if _, known := s.paths.Handler(&http.Request{Method: asked, URL: r.URL, Host: r.Host}); known == "" {
		return false
	}
	answer[headerAllowMethods], answer[headerAllowHeaders] = readMethods, readHeaders
	if asked == http.MethodPost {
		answer[headerAllowMethods], answer[headerAllowHeaders] = writeMethods, writeHeaders
	}
	answer[headerAllowOrigin], answer[headerMaxAge], answer[headerVary], answer[headerCache] = origin, tenMinutes, varyOrigin, noStore
	return true
}

// peerOf is the origin of the page that makes a request, nil where it is no page of a
// peer. Origins are compared as browsers write them, byte for byte: that of a
// sandbox is null, and nobody's.
func (s *Routes) peerOf(r *http.Request) []string {
	given := r.Header[headerOrigin]
	if s.peers == nil || len(given) != 1 || !slices.Contains(s.peers(), given[0]) {
		return nil
	}
	return given
}

// Origins are those of nodes that go by these addresses. One on loopback is reached as
// localhost as well.
func Origins(addresses []string) (origins []string) {
	for _, address := range addresses {
		origin, local := originsOf(address)
		if origin != "" {
			origins = append(origins, origin)
		}
		if local != "" {
			origins = append(origins, local)
		}
	}
	slices.Sort(origins)
	return slices.Compact(origins)
}

// originsOf is the origin of a URL as browsers write it, and the same by the name of
// localhost if it is on loopback; "" where there is none. What is not a plain host and
// port is none: it goes into headers.
func originsOf(address string) (origin, local string) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
		strings.Trim(strings.ToLower(u.Host), "abcdefghijklmnopqrstuvwxyz0123456789.-:[]") != "" {
		return "", ""
	}
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
		port = ":" + port
	} else {
		port = ""
	}
	if at, err := netip.ParseAddr(host); err == nil {
		if at.IsLoopback() {
			local = u.Scheme + "://localhost" + port
		}
		if at.Is6() {
			host = "[" + host + "]"
		}
	}
	return u.Scheme + "://" + host + port, local
}
