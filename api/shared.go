package api

import (
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/internal/protocol"
)

// A page outlives the member that has sent it: it goes on with another one, which for a
// browser is another site. So a member lets the pages of the other members, and of
// nobody else, read what needs the role read, and post what needs the role submit. What
// operators do is left to a member's own page, and no header lets a browser send anything
// by itself: there are no cookies. See docs/adr/0062-the-page.md and
// docs/adr/0067-pages-of-other-members-send.md.

// Headers of CORS, as net/http spells them.
const (
	headerOrigin       = "Origin"
	headerAllowOrigin  = "Access-Control-Allow-Origin"
	headerAllowMethods = "Access-Control-Allow-Methods"
	headerAllowHeaders = "Access-Control-Allow-Headers"
	headerExpose       = "Access-Control-Expose-Headers"
	headerMaxAge       = "Access-Control-Max-Age"
	headerAsked        = "Access-Control-Request-Method"
)

// Values of headers, see answer.go.
var (
	varyOrigin     = []string{headerOrigin}
	readMethods    = []string{"GET, HEAD"}
	writeMethods   = []string{http.MethodPost}
	readHeaders    = []string{"Authorization"} // a token
	writeHeaders   = []string{"Authorization, Content-Type, " + protocol.IdempotencyKey}
	exposedHeaders = []string{protocol.AppliedIndex + ", " + protocol.LastContact + ", " + protocol.RequestID + ", Retry-After"}
	tenMinutes     = []string{"600"}
)

// sharedRoutes are routes of a member that pages of others may use, by some methods: GET
// /mine writes, whatever its name says, and is for programs and the member's own pages.
type sharedRoutes struct {
	gin.IRoutes
	methods []string
	with    *shared
}

// Handle implements gin.IRoutes.
func (r sharedRoutes) Handle(method, path string, handlers ...gin.HandlerFunc) gin.IRoutes {
	if slices.Contains(r.methods, method) {
		r.with.routes[method+" "+plain(path)] = true
		r.with.paths.Handle(method+" "+muxPattern(plain(path)), http.NotFoundHandler())
	}
	return r.IRoutes.Handle(method, path, handlers...)
}

// shared is what pages of other members may use. It is set while the routes are, and never
// changed after. A follower shares nothing.
type shared struct {
	routes map[string]bool // method and path, as gin has routed a request
	paths  *http.ServeMux  // the same, for a browser that asks before: there is no route yet
}

func nothingShared() shared { return shared{map[string]bool{}, http.NewServeMux()} }

func (s *memberServer) sharedReads(routes gin.IRoutes) gin.IRoutes {
	return sharedRoutes{routes, []string{http.MethodGet, http.MethodHead}, &s.shared}
}

func (s *memberServer) sharedWrites(routes gin.IRoutes) gin.IRoutes {
	return sharedRoutes{routes, []string{http.MethodPost}, &s.shared}
}

// muxPattern is a path of gin's, such as /v1/blocks/:index, as net/http writes it.
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

// share is before everything, so that a page of another member is told as well why it has no
// answer: the answer says which page may have it.
func (s *server) share(c *gin.Context) {
	if origin := s.sharedWith(c); origin != nil {
		header := c.Writer.Header()
		header[headerAllowOrigin], header[headerExpose], header[headerVary] = origin, exposedHeaders, varyOrigin
	}
}

// vary is before the reads of a member: the answer may be another for another page, or for
// none, whoever asked this time.
func vary(c *gin.Context) { c.Writer.Header()[headerVary] = varyOrigin }

// sharedWith is the origin of the page of another member that makes a request which such
// pages may make; nil of any other. The route is that which gin has found, so no way to
// write a path leads elsewhere than it says.
func (s *server) sharedWith(c *gin.Context) []string {
	if len(c.Request.Header[headerOrigin]) == 0 || !s.shared.routes[c.Request.Method+" "+c.FullPath()] {
		return nil
	}
	return s.peerOf(c.Request)
}

// preflight answers a browser that asks whether a page of another member may send its
// token with a read, or post. It tells whether that was the question.
func (s *server) preflight(c *gin.Context) bool {
	r := c.Request
	asked := r.Header.Get(headerAsked)
	if r.Method != http.MethodOptions {
		return false
	}
	origin := s.peerOf(r)
	if origin == nil {
		return false
	}
	if _, known := s.shared.paths.Handler(&http.Request{Method: asked, URL: r.URL, Host: r.Host}); known == "" {
		return false
	}
	header := c.Writer.Header()
	header[headerAllowMethods], header[headerAllowHeaders] = readMethods, readHeaders
	if asked == http.MethodPost {
		header[headerAllowMethods], header[headerAllowHeaders] = writeMethods, writeHeaders
	}
	header[headerAllowOrigin], header[headerMaxAge], header[headerVary], header[headerCache] = origin, tenMinutes, varyOrigin, noStore
	c.Status(http.StatusNoContent)
	return true
}

// peerOf is the origin of the page that makes a request, nil where it is no page of
// another member. Origins are compared as browsers write them, byte for byte: that of a
// sandbox is null, and nobody's.
func (s *server) peerOf(r *http.Request) []string {
	given := r.Header[headerOrigin]
	if len(given) != 1 || !slices.Contains(s.role.peers(), given[0]) {
		return nil
	}
	return given
}

// peers implements role: the members, by the addresses that they go by. A member on
// loopback is reached as localhost as well.
func (s *memberServer) peers() (origins []string) {
	for _, address := range s.member.Addresses() {
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
