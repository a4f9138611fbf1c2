package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/bpsc/bpsc/chain"
)

// Hold is what is known of a hold.
type Hold struct {
	ID        string        `json:"id"`
	Contract  string        `json:"contract"`
	Status    string        `json:"status"` // pending, or the code that says how it was resolved
	Sender    string        `json:"sender"`
	Recipient string        `json:"recipient"`
	Amount    json.Number   `json:"amount"`     // in tokens
	Until     chain.Seconds `json:"hold_until"` // at that moment it goes back
}

// HoldQuery says which open holds of an account are wanted. The zero value is the
// first page of those that wait for its word.
type HoldQuery struct {
	Role  chain.HoldRole // "": chain.HoldRecipient
	Limit int            // of a page; 0: the server's default
	After string         // HoldPage.Next of the page before
}

// HoldPage is some of them, the first to expire first.
type HoldPage struct {
	Items []Hold `json:"items"`
	Next  string `json:"next,omitempty"` // "": there are no more
}

// Holds lists the holds of an account that nobody has decided yet.
func (c *Client) Holds(ctx context.Context, contract, account string, q HoldQuery) (page HoldPage, err error) {
	values := url.Values{}
	for name, value := range map[string]string{"contract": contract, "role": string(q.Role), "after": q.After} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	path := "/v1/accounts/" + url.PathEscape(account) + "/holds"
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	answer, err := c.Get(ctx, path)
	if err != nil {
		return page, err
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return page, fmt.Errorf("client: holds of %s: %w", account, err)
	}
	return page, nil
}
