package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
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
	values := url.Values{}
	if contract != "" {
		values.Set("contract", contract)
	}
	if wait = min(wait, maxWait); wait > 0 {
		values.Set("wait", wait.String())
	}
	path := "/v1/transactions/" + url.PathEscape(id) + "/receipt"
	if len(values) > 0 {
		path += "?" + values.Encode()
	}
	return c.do(ctx, call{method: http.MethodGet, path: path, again: true, wait: wait, limit: proof.MaxReceiptBytes})
}

// Checkpoint reads the newest signed note of a contract's chain; contract ""
// is the cluster's first. With size, one that covers at least so many blocks,
// for which it waits until ctx ends. It verifies nothing.
func (c *Client) Checkpoint(ctx context.Context, contract string, size uint64) ([]byte, error) {
	token, err := c.tokenOf(ctx, contract)
	if err != nil {
		return nil, err
	}
	path := "/v1/contracts/" + url.PathEscape(token) + "/checkpoint"
	if size > 0 {
		path += "?size=" + strconv.FormatUint(size, 10)
	}
	return c.do(ctx, call{method: http.MethodGet, path: path, again: true, limit: proof.MaxNoteBytes})
}

// Policy reads the policy that a server shows for a contract's chain
// (proof.ParsePolicy); contract "" is its first. It is worth what the way to that
// server is worth: who verifies by it compares it with one from somebody trusted.
func (c *Client) Policy(ctx context.Context, contract string) ([]byte, error) {
	return c.do(ctx, call{method: http.MethodGet, path: "/v1/policy" + query(contract), again: true, limit: proof.MaxPolicyBytes})
}

// Tiles reads the tiles of a contract's log of headers, for proof.TileHashes,
// which verifies them.
func (c *Client) Tiles(contract string) proof.Fetch {
	return func(ctx context.Context, path string) ([]byte, error) {
		data, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/contracts/" + url.PathEscape(contract) + "/" + path,
			again: true, limit: proof.MaxBundleBytes})
		var p *Problem
		if errors.As(err, &p) && p.Code == string(proof.ErrTileMissing) {
			return nil, fmt.Errorf("%w: %w", proof.ErrTileMissing, err)
		}
		return data, err
	}
}

// tokenOf finds the cluster's first contract where none is named.
func (c *Client) tokenOf(ctx context.Context, contract string) (string, error) {
	if contract != "" {
		return contract, nil
	}
	info, err := c.Contract(ctx, "")
	return info.Contract.Token, err
}
