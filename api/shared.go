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
// nobody else, read what needs the role read. They write only to the member they came
// from, and no header lets a browser send anything by itself: there are no cookies. See
// docs/adr/0062-the-page.md.

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
	sharedMethods  = []string{"GET, HEAD"}
	sharedHeaders  = []string{"Authorization"} // a token for reading
	exposedHeaders = []string{protocol.AppliedIndex + ", " + protocol.LastContact + ", " + protocol.RequestID + ", Retry-After"}
	tenMinutes     = []string{"600"}
)

// sharedReads are the reads of a member that pages of others may make.
type sharedReads struct {
	gin.IRoutes
	paths *http.ServeMux // which they are; set while the routes are, never changed after
}

// Handle implements gin.IRoutes.
func (r sharedReads) Handle(method, path string, handlers ...gin.HandlerFunc) gin.IRoutes {
	r.paths.Handle(method+" "+muxPattern(path), http.NotFoundHandler())
	return r.IRoutes.Handle(method, path, handlers...)
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

// shared is before the reads of a member: the answer says which page may have it. It may
// be another for another page, or for none, whoever asked this time.
func (s *server) shared(c *gin.Context) {
	header := c.Writer.Header()
	header[headerVary] = varyOrigin
	if origin := s.peerOf(c.Request); origin != nil {
		header[headerAllowOrigin], header[headerExpose] = origin, exposedHeaders
	}
}

// preflight answers a browser that asks whether a page of another member may send its
// token with a read. It tells whether that was the question.
func (s *server) preflight(c *gin.Context) bool {
	r := c.Request
	asked := r.Header.Get(headerAsked)
	if r.Method != http.MethodOptions || asked != http.MethodGet && asked != http.MethodHead {
		return false
	}
	origin := s.peerOf(r)
	if origin == nil {
		return false
	}
	if _, shared := s.sharedPaths.Handler(&http.Request{Method: asked, URL: r.URL, Host: r.Host}); shared == "" {
		return false
	}
	header := c.Writer.Header()
	header[headerAllowOrigin], header[headerAllowMethods], header[headerAllowHeaders] = origin, sharedMethods, sharedHeaders
	header[headerMaxAge], header[headerVary], header[headerCache] = tenMinutes, varyOrigin, noStore
	c.Status(http.StatusNoContent)
	return true
}

// peerOf is the origin of the page that makes a request, nil where it is no page of
// another member.
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
