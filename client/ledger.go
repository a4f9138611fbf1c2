package client

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/attempt"
)

// Mine asks for a block now and returns the answer as it came. A request whose
// outcome is unknown is not repeated: it could make a second block.
func (c *Client) Mine(ctx context.Context, contract string) (json.RawMessage, error) {
	return c.do(ctx, call{method: http.MethodPost, path: at("/mine", "contract", contract), once: true})
}

// Get reads any path of the API.
func (c *Client) Get(ctx context.Context, path string) (json.RawMessage, error) {
	return c.do(ctx, call{method: http.MethodGet, path: path})
}

// Block reads the canonical bytes of a block.
func (c *Client) Block(ctx context.Context, contract string, index uint64) ([]byte, error) {
	return c.Get(ctx, at("/v1/blocks/"+strconv.FormatUint(index, 10), "contract", contract))
}

// Account reads the state of a wallet as it came.
func (c *Client) Account(ctx context.Context, contract, name string) (json.RawMessage, error) {
	return c.do(ctx, c.stateCall("/v1/accounts/"+url.PathEscape(name), contract))
}

// AsOf says as of when a read is meant: the end of a block, or of the last block
// whose timestamp is not after a time, one of them. The zero value is now. What was
// pending then was in no block, and is in no past.
type AsOf struct {
	Block uint64
	Time  chain.Micros
}

// query is as of when in the query of a path.
func (a AsOf) query() []string {
	at := ""
	if a.Time != 0 {
		at = string(chain.AppendTimestamp(nil, a.Time))
	}
	return []string{"at_block", number(a.Block), "at", at}
}

// AccountAt reads what a wallet was, as it came. It fails with a Problem where the
// chain was not there yet, or has not got there.
func (c *Client) AccountAt(ctx context.Context, contract, name string, at AsOf) (json.RawMessage, error) {
	return c.do(ctx, c.stateCall("/v1/accounts/"+url.PathEscape(name), contract, at.query()...))
}

// stateCall is a read of what may change.
func (c *Client) stateCall(path, contract string, query ...string) call {
	path = at(path, append(query, "contract", contract, "consistency", c.Consistency)...)
	return call{method: http.MethodGet, path: path, contract: contract, state: true}
}

// Blocks streams the canonical bytes of the blocks from, from+1, … to the
// newest, limit of them at most unless it is 0, from the first server that
// answers. The bytes are valid during yield. It may take as long as blocks keep
// coming; ErrUnavailable says that none came for Client.Pause.
func (c *Client) Blocks(ctx context.Context, contract string, from, limit uint64, yield func(canonical []byte) error) error {
	s := blockStream{client: c, contract: contract, next: from, limit: limit, yield: yield}
	var last error
	for number := range c.inTurn {
		err := s.read(ctx, number)
		if err == nil || !errors.Is(err, ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		last = err
	}
	return last
}

// blockStream is one call of Blocks, over as many servers as it takes.
type blockStream struct {
	client   *Client
	contract string
	next     uint64 // the block to come
	limit    uint64 // how many are still wanted; 0 is all
	yield    func([]byte) error
}

// errStalled: a server went silent.
var errStalled = errors.New("nothing came for too long")

// read goes on at the server of that number.
func (s *blockStream) read(ctx context.Context, number int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pause := cmp.Or(s.client.Pause, s.client.totalTimeout)
	limit := min(s.client.attemptTimeout, pause) // until it begins to answer
	silence := time.AfterFunc(limit, func() { cancel(errStalled) })
	defer silence.Stop()
	unavailable := func(err error) error {
		if errors.Is(context.Cause(ctx), errStalled) {
			return fmt.Errorf("%w: nothing came for %s", ErrUnavailable, limit)
		}
		return fmt.Errorf("%w: %w", ErrUnavailable, cmp.Or(context.Cause(ctx), err))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.client.servers[number]+s.path(), nil)
	if err != nil {
		return err
	}
	if err := s.client.authorize(req); err != nil {
		return err
	}
	trace(req)
	req.Header.Set("Accept", "application/x-ndjson")
	resp, err := s.client.http.Do(req)
	if err != nil {
		return unavailable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxAnswer)) // the status says enough
		a := attempt.Judge(http.MethodGet, resp.StatusCode, body)
		return cmp.Or(failure(&a), fmt.Errorf("client: an answer of status %d has no blocks", resp.StatusCode))
	}
	s.client.answered.Store(int64(number))
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(make([]byte, 64<<10), chain.MaxBlockBytes+1)
	limit = pause
	for silence.Reset(limit); lines.Scan(); silence.Reset(limit) {
		silence.Stop() // what the caller does takes its own time
		if err := s.yield(lines.Bytes()); err != nil {
			return err
		}
		s.next++
		if s.limit > 0 {
			if s.limit--; s.limit == 0 {
				return nil
			}
		}
	}
	if err := lines.Err(); err != nil {
		return unavailable(err)
	}
	return nil
}

func (s *blockStream) path() string {
	return at("/smart/chain", "from", number(s.next), "limit", number(s.limit), "contract", s.contract)
}

// RegisterNodes adds nodes, host:port or URL, to the directory of a cluster.
// They are a set, so asking again is safe.
func (c *Client) RegisterNodes(ctx context.Context, nodes []string) error {
	body, err := json.Marshal(map[string][]string{"nodes": nodes})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, call{method: http.MethodPost, path: "/nodes/register", body: body})
	return err
}

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
// first page of those that wait for its decision.
type HoldQuery struct {
	Role  chain.HoldRole // "": chain.HoldRecipient
	Limit int            // of a page; 0: the server's default
	After string         // HoldPage.Next of the page before
	AsOf  AsOf           // those that were open then
}

// HoldPage is some of them, the first to expire first; of the past, those opened
// last first, and perhaps fewer than asked for, or none, where more follow.
type HoldPage struct {
	Items []Hold `json:"items"`
	Next  string `json:"next,omitempty"` // "": there are no more
}

// Hold reads what is or was known of a hold, by the id of the transaction that became
// it.
func (c *Client) Hold(ctx context.Context, contract string, id chain.ID, at AsOf) (h Hold, err error) {
	answer, err := c.do(ctx, c.stateCall("/v1/holds/"+id.String(), contract, at.query()...))
	if err != nil {
		return h, err
	}
	if err := json.Unmarshal(answer, &h); err != nil {
		return h, fmt.Errorf("client: hold %s: %w", id, err)
	}
	return h, nil
}

// Holds lists the holds of an account that nobody has decided yet.
func (c *Client) Holds(ctx context.Context, contract, account string, q HoldQuery) (page HoldPage, err error) {
	query := append(q.AsOf.query(), "contract", contract, "role", string(q.Role), "after", q.After, "limit", number(q.Limit))
	answer, err := c.Get(ctx, at("/v1/accounts/"+url.PathEscape(account)+"/holds", query...))
	if err != nil {
		return page, err
	}
	if err := json.Unmarshal(answer, &page); err != nil {
		return page, fmt.Errorf("client: holds of %s: %w", account, err)
	}
	return page, nil
}
