package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/bpsc/bpsc/chain/proof"
)

// maxWait is how long a server may be asked to wait at a time: as long as it
// allows.
const maxWait = 30 * time.Second

// Receipt reads the receipt of a transaction (proof.ParseReceipt). While no
// checkpoint covers its block it goes on asking until ctx ends; wait is how long
// a server is to wait for one before it answers, 30 s at most. It verifies
// nothing.
func (c *Client) Receipt(ctx context.Context, contract, id string, wait time.Duration) ([]byte, error) {
	asked := ""
	if wait = min(wait, maxWait); wait > 0 {
		asked = wait.String()
	}
	path := at("/v1/transactions/"+url.PathEscape(id)+"/receipt", "contract", contract, "wait", asked)
	return c.do(ctx, call{method: http.MethodGet, path: path, wait: wait, limit: proof.MaxReceiptBytes})
}

// Checkpoint reads the newest signed note of a contract's chain; contract ""
// is the cluster's first. With size, one that covers at least so many blocks,
// for which it waits until ctx ends. It verifies nothing.
func (c *Client) Checkpoint(ctx context.Context, contract string, size uint64) ([]byte, error) {
	token, err := c.tokenOf(ctx, contract)
	if err != nil {
		return nil, err
	}
	path := at("/v1/contracts/"+url.PathEscape(token)+"/checkpoint", "size", number(size))
	return c.do(ctx, call{method: http.MethodGet, path: path, limit: proof.MaxNoteBytes})
}

// Policy reads the policy that a server shows for a contract's chain
// (proof.ParsePolicy); contract "" is its first. It is worth what the way to that
// server is worth: who verifies by it compares it with one from somebody trusted.
func (c *Client) Policy(ctx context.Context, contract string) ([]byte, error) {
	return c.do(ctx, call{method: http.MethodGet, path: at("/v1/policy", "contract", contract), limit: proof.MaxPolicyBytes})
}

// Policies reads the policies that a server shows for a contract's chain, from the
// one with that number on, and what the members before signed of each change
// (proof.ParseHistory); as many as fit one answer. Who verifies by them takes the
// first from somebody trusted; the others prove themselves.
func (c *Client) Policies(ctx context.Context, contract string, from int) ([]byte, error) {
	path := at("/v1/policies", "contract", contract, "from", number(uint64(from)))
	return c.do(ctx, call{method: http.MethodGet, path: path, limit: proof.MaxHistoryBytes})
}

// tokenOf finds the cluster's first contract where none is named.
func (c *Client) tokenOf(ctx context.Context, contract string) (string, error) {
	if contract != "" {
		return contract, nil
	}
	info, err := c.Contract(ctx, "")
	return info.Contract.Token, err
}
