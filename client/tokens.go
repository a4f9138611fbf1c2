package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
)

// Token is an access token as the cluster lists it.
type Token struct {
	Text     string   `json:"token,omitempty"` // of a new one, and never again
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`              // read, submit, operate
	Contract string   `json:"contract,omitempty"` // that it is limited to
	Made     int64    `json:"made,omitempty"`     // unix seconds, like the other times
	Expires  int64    `json:"expires,omitempty"`  // 0: never
	Parent   string   `json:"parent,omitempty"`   // id of the token that made it
	Revoked  int64    `json:"revoked,omitempty"`  // 0: it has not been
}

// NewToken is what a token is to be.
type NewToken struct {
	Name     string   `json:"name"`
	Roles    []string `json:"roles"`
	Contract string   `json:"contract,omitempty"`
	Expires  int64    `json:"expires,omitempty"`
}

// MakeToken makes a token, whose text is in the answer and nowhere else. For operators: see
// Client.Token. After ErrOutcomeUnknown there may be one whose text nobody has: Tokens
// lists it.
func (c *Client) MakeToken(ctx context.Context, t NewToken) (made Token, err error) {
	body, err := json.Marshal(t)
	if err != nil {
		return made, err
	}
	answer, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/tokens", body: body, once: true})
	if err == nil {
		err = json.Unmarshal(answer, &made)
	}
	return made, err
}

// Tokens lists all tokens, the oldest first, those that were revoked or have expired for a
// while too.
func (c *Client) Tokens(ctx context.Context) (all []Token, err error) {
	for after := ""; ; {
		var page struct {
			Items []Token `json:"items"`
			Next  string  `json:"next"`
		}
		answer, err := c.do(ctx, call{method: http.MethodGet, path: at("/v1/tokens", "after", after)})
		if err == nil {
			err = json.Unmarshal(answer, &page)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if after = page.Next; after == "" {
			return all, nil
		}
	}
}

// RevokeToken ends a token by its id, with all that come from it.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	_, err := c.do(ctx, call{method: http.MethodDelete, path: "/v1/tokens/" + url.PathEscape(id)})
	return err
}

// Action is what an operator did, or was about to.
type Action struct {
	Number  uint64      `json:"number"`
	Time    json.Number `json:"time"` // of the cluster, unix seconds
	Who     string      `json:"who"`  // token, root, local
	Token   string      `json:"token,omitempty"`
	Name    string      `json:"name,omitempty"` // of the token
	Action  string      `json:"action"`
	Subject string      `json:"subject,omitempty"`
	From    string      `json:"from,omitempty"`
	Request string      `json:"request_id,omitempty"`
	Member  string      `json:"member,omitempty"` // that was asked
	Ended   json.Number `json:"ended,omitempty"`
	Result  string      `json:"result,omitempty"` // "" where nobody could note how it ended
}

// Audit reads the audit log behind an entry, at most limit entries; 0 is what the server
// gives. next is where to go on, 0 at the end.
func (c *Client) Audit(ctx context.Context, after uint64, limit int) (page []Action, next uint64, err error) {
	var read struct {
		Items []Action `json:"items"`
		Next  uint64   `json:"next"`
	}
	answer, err := c.do(ctx, call{method: http.MethodGet, path: at("/v1/audit", "after", number(after), "limit", number(limit))})
	if err == nil {
		err = json.Unmarshal(answer, &read)
	}
	return read.Items, read.Next, err
}
