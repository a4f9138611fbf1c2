package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/access"
	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/query"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
	"github.com/bpsc/bpsc/internal/token"
)

// TokenKeeper makes and ends the cluster's tokens, on whichever member it is asked.
type TokenKeeper interface {
	// Tokens returns what this member knows of all tokens, the oldest first.
	Tokens() []*token.Token
	// MakeToken adds one: its hash, name, roles, contract, expiry and parent.
	MakeToken(ctx context.Context, t *token.Token) (appliedIndex uint64, err error)
	// RevokeToken ends one, with all that come from it, for the token of that id; "" for
	// who needs none. It fails with chain.TokenUnknown.
	RevokeToken(ctx context.Context, id, by string) (appliedIndex uint64, err error)
}

// tokenAnswer is a token in JSON. Its text is in one answer only, that to whoever made it.
type tokenAnswer struct {
	Text     string      `json:"token,omitempty"`
	ID       string      `json:"id"`
	Name     string      `json:"name"`
	Roles    token.Roles `json:"roles"`
	Contract string      `json:"contract,omitempty"`
	Made     int64       `json:"made"`
	Expires  int64       `json:"expires,omitempty"`
	Parent   string      `json:"parent,omitempty"`
	Revoked  int64       `json:"revoked,omitempty"`
}

func answerToken(t *token.Token) tokenAnswer {
	return tokenAnswer{ID: t.ID(), Name: t.Name, Roles: t.Roles, Contract: t.Contract, Made: t.Made, Expires: t.Expires, Parent: t.Parent, Revoked: t.Revoked}
}

// makeToken is POST /v1/tokens: {"name":"ci","roles":["submit"],"contract":"aka",
// "expires":1800000000}. The last two may be left out, but a token that is limited to a
// contract makes only such.
func (s *memberServer) makeToken(c *gin.Context) error {
	asked, err := s.readToken(c)
	if err != nil {
		return err
	}
	t := &token.Token{Name: asked.Name, Roles: asked.Roles, Contract: asked.Contract, Expires: asked.Expires, Parent: access.From(c.Request.Context()).ID}
	if err := t.Check(); err != nil {
		return fmt.Errorf("%w: %w", chain.InvalidField, err)
	}
	text, hash, err := token.New(s.cfg.Random)
	if err != nil {
		return err
	}
	t.Hash = hash
	return s.noted(c, "token.create", t.ID()+" "+t.Name, func() error {
		again := "There may be the token " + t.ID() + ", whose text nobody has: revoke it, and make another"
		err := s.order(c, again, func(ctx context.Context) error {
			applied, err := s.member.MakeToken(ctx, t)
			if err == nil {
				_ = s.catchUp(c, applied) // it may be sent to this member next
			}
			return err
		})
		if err != nil {
			return err
		}
		answer := answerToken(t)
		if i := slices.IndexFunc(s.member.Tokens(), func(known *token.Token) bool { return known.Hash == hash }); i >= 0 {
			answer = answerToken(s.member.Tokens()[i])
		}
		answer.Text = text
		httpcache.NoStore(c.Writer.Header())
		return s.sendValue(c, http.StatusCreated, answer)
	})
}

type tokenRequest struct {
	Name     string      `json:"name"`
	Roles    token.Roles `json:"roles"`
	Contract string      `json:"contract"`
	Expires  int64       `json:"expires"`
}

// readToken reads the body. What is not known is refused: an expiry that is misspelt must
// not make a token for ever.
func (s *memberServer) readToken(c *gin.Context) (asked tokenRequest, err error) {
	w := s.pool.get()
	defer s.pool.put(w)
	if err := readBody(c, w, maxBody); err != nil {
		return asked, err
	}
	d := json.NewDecoder(bytes.NewReader(w.in))
	d.DisallowUnknownFields()
	if err := d.Decode(&asked); err != nil {
		return asked, fmt.Errorf("%w: %w", outcome.InvalidJSON, err)
	}
	if d.More() {
		return asked, fmt.Errorf("%w: there is more behind the object", outcome.InvalidJSON)
	}
	return asked, nil
}

// getTokens is GET /v1/tokens: {"items":[ … ]}, the oldest first; "next" is where the next
// page begins, as ?after=. A token that is limited to a contract sees those of it.
func (s *memberServer) getTokens(c *gin.Context) error {
	limit, err := query.Uint(c, "limit", defaultPage, maxPage)
	if err != nil {
		return err
	}
	answer := struct {
		Items []tokenAnswer `json:"items"`
		Next  string        `json:"next,omitempty"`
	}{Items: []tokenAnswer{}}
	who, after := access.From(c.Request.Context()), query.Text(c, "after")
	for _, t := range s.member.Tokens() {
		switch {
		case after != "":
			if t.ID() == after {
				after = ""
			}
		case who.ForContract(t.Contract) != nil:
		case len(answer.Items) == int(limit):
			answer.Next = answer.Items[limit-1].ID
		default:
			answer.Items = append(answer.Items, answerToken(t))
		}
	}
	if after != "" {
		return fmt.Errorf("%w: there is no token that after names", chain.InvalidField)
	}
	httpcache.NoStore(c.Writer.Header())
	return s.sendValue(c, http.StatusOK, answer)
}

// revokeToken is DELETE /v1/tokens/{id}: it ends the token with all that come from it.
func (s *memberServer) revokeToken(c *gin.Context) error {
	id := c.Param("id")
	return s.noted(c, "token.revoke", id, func() error {
		err := s.order(c, "The token may have been revoked: send the same request again", func(ctx context.Context) error {
			applied, err := s.member.RevokeToken(ctx, id, access.From(c.Request.Context()).ID)
			if err == nil {
				_ = s.catchUp(c, applied)
			}
			return err
		})
		if err != nil {
			return err
		}
		c.Status(http.StatusNoContent)
		return nil
	})
}
