package client

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/bpsc/bpsc/chain"
)

// Transfer is a transaction to send. Amount is in tokens, as text.
type Transfer struct {
	Contract  string      `json:"contract,omitempty"`
	Sender    string      `json:"sender"`
	Amount    json.Number `json:"amount"`
	Recipient string      `json:"recipient"`
	Memo      string      `json:"memo,omitempty"`
	Key       string      `json:"-"` // Idempotency-Key; drawn when empty
}

// Sent is the ledger's answer to a Transfer. Amounts are in tokens.
type Sent struct {
	ID            string      `json:"id"`
	Key           string      `json:"key"` // under which it was sent
	Status        string      `json:"status"`
	Block         uint64      `json:"block"`
	Position      int         `json:"position"`
	AmountSend    json.Number `json:"amount_send"`
	AmountBPSC    json.Number `json:"amount_bpsc"`
	AmountReceive json.Number `json:"amount_receive"`
}

// Send submits a transfer and sends it again under the same key until its
// outcome is known or ctx ends. The error is a *Problem when the ledger
// refused it.
func (c *Client) Send(ctx context.Context, t Transfer) (Sent, error) {
	if t.Key == "" {
		t.Key = rand.Text()
	}
	sent := Sent{Key: t.Key}
	body, err := json.Marshal(t)
	if err != nil {
		return sent, err
	}
	answer, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/transactions", key: t.Key, body: body, again: true})
	if err != nil {
		return sent, err
	}
	return sent, json.Unmarshal(answer, &sent)
}

// Mine asks for a block now and returns the answer as it came. A request whose
// outcome is unknown is not repeated: it could make a second block.
func (c *Client) Mine(ctx context.Context, contract string) (json.RawMessage, error) {
	return c.do(ctx, call{method: http.MethodPost, path: "/mine" + query(contract)})
}

// Get reads any path of the API.
func (c *Client) Get(ctx context.Context, path string) (json.RawMessage, error) {
	return c.do(ctx, call{method: http.MethodGet, path: path, again: true})
}

// Block reads the canonical bytes of a block.
func (c *Client) Block(ctx context.Context, contract string, index uint64) ([]byte, error) {
	return c.Get(ctx, "/v1/blocks/"+strconv.FormatUint(index, 10)+query(contract))
}

// Account reads the state of a wallet as it came.
func (c *Client) Account(ctx context.Context, contract, name string) (json.RawMessage, error) {
	return c.Get(ctx, "/v1/accounts/"+url.PathEscape(name)+query(contract))
}

func query(contract string) string {
	if contract == "" {
		return ""
	}
	return "?contract=" + url.QueryEscape(contract)
}

// Blocks streams the canonical bytes of the blocks from, from+1, … to the
// newest from the first server that answers. The bytes are valid during yield.
func (c *Client) Blocks(ctx context.Context, contract string, from uint64, yield func(canonical []byte) error) error {
	var last error
	for _, server := range c.servers {
		next, err := c.stream(ctx, server, contract, from, yield)
		if err == nil || !errors.Is(err, ErrUnavailable) {
			return err
		}
		from, last = next, err
	}
	return last
}

// stream reads blocks from one server and returns the index it got to.
func (c *Client) stream(ctx context.Context, server, contract string, from uint64, yield func([]byte) error) (uint64, error) {
	path := server + "/smart/chain?from=" + strconv.FormatUint(from, 10)
	if contract != "" {
		path += "&contract=" + url.QueryEscape(contract)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return from, err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	resp, err := c.http.Do(req)
	if err != nil {
		return from, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status says enough
		return from, problem(resp.StatusCode, body)
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), chain.MaxBlockBytes+1)
	for lines.Scan() {
		if err := yield(lines.Bytes()); err != nil {
			return from, err
		}
		from++
	}
	if err := lines.Err(); err != nil {
		return from, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return from, nil
}

// RegisterNodes adds nodes, host:port or URL, to the directory of a cluster.
// They are a set, so asking again is safe.
func (c *Client) RegisterNodes(ctx context.Context, nodes []string) error {
	body, err := json.Marshal(map[string][]string{"nodes": nodes})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/nodes/register", body: body, again: true})
	return err
}
