package api

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/token"
)

// identify is before everything: from here on the request's context knows who asks
// (access.From). It refuses a token in the address, where proxies and histories keep it,
// and takes the address away, so that no log here has it.
func (s *server) identify(c *gin.Context) error {
	if u := c.Request.URL; u.RawQuery != "" || len(u.Path) > token.TextBytes {
		unescaped, _ := url.QueryUnescape(u.RawQuery)
		if token.In(u.Path) || token.In(u.RawQuery) || token.In(unescaped) {
			c.Request.URL, c.Request.RequestURI = &url.URL{Path: "/"}, "/"
			return problem.WithDetail(outcome.TokenInURL, "Send a token as Authorization: Bearer …, and never in an address; revoke this one, which others may have read")
		}
	}
	if who := s.guard.Identify(c.Request); who != (access.Who{}) {
		c.Request = c.Request.WithContext(access.With(c.Request.Context(), who))
	}
	return nil
}

// may is before what needs a role.
func (s *server) may(role token.Roles) gin.HandlerFunc {
	return func(c *gin.Context) { s.authorize(c, access.From(c.Request.Context()), role) }
}

// mayPass is before what a follower hands on. It knows none of the cluster's tokens:
// whoever gets the request decides about them.
func (s *followerServer) mayPass(role token.Roles) gin.HandlerFunc {
	return func(c *gin.Context) {
		if who := access.From(c.Request.Context()); who.Kind != access.Foreign {
			s.authorize(c, who, role)
		}
	}
}

func (s *server) authorize(c *gin.Context, who access.Who, role token.Roles) {
	now, err := s.guard.Allow(c.Request, who, role)
	if err == nil && !s.aboutContract(c) {
		err = now.ForAll()
	}
	if err != nil {
		c.Abort()
		s.fail(c, err)
		return
	}
	if now.Kind != who.Kind {
		c.Request = c.Request.WithContext(access.With(c.Request.Context(), now))
	}
}

// aboutContract tells whether the route of a request is about one contract, which it
// finds with contract or info: they refuse it to a token of another one. Of tokens there
// are those of a contract.
func (s *server) aboutContract(c *gin.Context) bool {
	route := c.FullPath()
	return strings.HasPrefix(route, "/v1/contracts/:token") || strings.HasPrefix(route, "/v1/tokens") || s.queryNames.Takes(c.Request.Method, route, "contract")
}

// sameSite is before everything that changes something, GET /mine included. What is shared
// pages of other members may send, too.
func (s *server) sameSite(c *gin.Context) {
	if err := s.guard.SameSite(c.Request, s.shared.Origin(c.Request, c.FullPath())...); err != nil {
		c.Abort()
		s.fail(c, err)
	}
}

const headerAuthenticate = "Www-Authenticate"

// challenge says what kind of token would help, as RFC 6750 has it.
func challenge(header http.Header, err error) {
	var r *access.Refusal
	if errors.As(err, &r) && r.Challenge != "" {
		header[headerAuthenticate] = []string{r.Challenge}
	}
}
