package api

import (
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/openapi"
	"github.com/bpsc/bpsc/api/problem"
)

// Description is the API of these kinds of nodes.
func Description(nodes openapi.Nodes) *openapi.Document {
	codes := problem.Codes()
	problems := make([]openapi.Problem, 0, len(codes))
	for _, code := range codes {
		m := problem.MeaningOf(code)
		problems = append(problems, openapi.Problem{Code: code, Status: m.Status, Title: m.Title, Retryable: m.Retryable()})
	}
	return openapi.New(nodes, problems)
}

// reference is what a node says of its API. It is made when somebody asks first.
type reference struct {
	nodes openapi.Nodes // set while the routes are
	once  sync.Once
	pages *openapi.Pages
}

func (r *reference) page(path string) (*openapi.Page, error) {
	r.once.Do(func() { r.pages = Description(r.nodes).Pages() })
	return r.pages.Page(path)
}

// referenceRoutes are for anybody: what a node answers is no secret.
func (s *server) referenceRoutes(engine gin.IRoutes, nodes openapi.Nodes) {
	s.reference.nodes = nodes
	s.get(engine, "/openapi.json", s.getReference)
	s.get(engine, "/docs", s.getReference)
	s.get(engine, "/docs/:file", s.getReference)
	s.get(engine, "/docs/problems/:code", s.getReference)
}

// getReference is GET /openapi.json, and /docs with what belongs to it.
func (s *server) getReference(c *gin.Context) error {
	p, err := s.reference.page(c.Request.URL.Path)
	if err != nil {
		return err
	}
	if p == nil {
		return pathUnknown(c)
	}
	header := c.Writer.Header()
	header[headerVary] = varyEncoding
	if httpcache.NotModified(c, p.Tag) {
		return nil
	}
	if p.Policy != "" {
		header["Content-Security-Policy"] = []string{p.Policy}
	}
	header[headerType] = []string{p.Type}
	s.sendEither(c, p.Body, func() []byte { return p.Packed })
	return nil
}
