package chainsync

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
)

// blocksRequest is the part of a chain that is asked for.
type blocksRequest struct {
	token string
	chain chain.Hash // its id, once it is known: what comes of another one is no answer
	from  uint64
	limit uint64
	wait  time.Duration // for the first block, if it is not there yet
}

// blockStream is an answer with one block a line.
type blockStream struct {
	*response
	blocksRequest
	length uint64 // of the upstream's chain; 0: not said, as all is there
	count  uint64 // lines so far
	in     *bufio.Scanner
}

// blocks asks an upstream for a part of a chain. Parameters are always in the
// same order, so that caches on the way know a range again.
func (c *httpClient) blocks(ctx context.Context, upstream string, req blocksRequest) (*blockStream, error) {
	target := upstream + "/smart/chain?contract=" + url.QueryEscape(req.token) +
		"&from=" + strconv.FormatUint(req.from, 10) + "&limit=" + strconv.FormatUint(req.limit, 10)
	if !req.chain.IsZero() {
		target += "&chain=" + req.chain.String()
	}
	if req.wait > 0 {
		target += "&wait=" + req.wait.String()
	}
	r, err := c.get(ctx, target, typeLines, req.wait)
	if err != nil {
		return nil, err
	}
	b := &blockStream{response: r, blocksRequest: req, in: bufio.NewScanner(&r.body)}
	b.in.Buffer(make([]byte, readBuffer), chain.MaxBlockBytes+len("\n"))
	b.in.Split(wholeLine)
	if text := r.header.Get(protocol.ChainLength); text != "" {
		if b.length, err = strconv.ParseUint(text, 10, 63); err != nil || b.length == 0 {
			r.end()
			return nil, refuse(NotAChain, "%s is %q", protocol.ChainLength, clip(text))
		}
	}
	return b, nil
}

// next returns the next line without its end, valid until the next call;
// io.EOF after all that was promised.
func (b *blockStream) next() ([]byte, error) {
	if !b.in.Scan() {
		switch err := b.in.Err(); {
		case errors.Is(err, bufio.ErrTooLong):
			return nil, refuse(LineTooLong, "a line has more than %d bytes", chain.MaxBlockBytes)
		case err != nil:
			return nil, b.failed(err)
		}
		return nil, b.ended()
	}
	if b.count++; b.count > b.limit {
		return nil, refuse(Endless, "more than the %d blocks that were asked for", b.limit)
	}
	return b.in.Bytes(), nil
}

// wholeLine is a bufio.SplitFunc. Unlike bufio.ScanLines it takes nothing off a
// line but its end, and no line is without one.
func wholeLine(data []byte, atEOF bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		err = io.ErrUnexpectedEOF
	}
	return 0, nil, err
}

// ended holds what came against what the upstream said it has.
func (b *blockStream) ended() error {
	due := b.limit
	if b.length > 0 {
		due = min(due, max(b.length, b.from-1)-(b.from-1))
	}
	if b.count < due {
		return refuse(Truncated, "%d blocks from %d on, of at least %d", b.count, b.from, due)
	}
	return io.EOF
}

// contract is what an upstream says about one contract.
type contract struct {
	Token    string          `json:"token"`
	Contract json.RawMessage `json:"contract"`
	ChainID  string          `json:"chain_id"`
	Length   uint64          `json:"length"` // 0: the chain has not begun there
}

// length asks an upstream how long a chain is. It is a claim, nothing more.
func (c *httpClient) length(ctx context.Context, upstream, token string) (uint64, error) {
	var told contract
	err := c.json(ctx, upstream+"/v1/contracts/"+url.PathEscape(token), maxContractBytes, &told)
	if err == nil && told.Token != token {
		err = refuse(NotAChain, "asked for contract %s it answers with %q", token, clip(told.Token))
	}
	return told.Length, err
}

// listed is a contract that an upstream has. The id is zero while its chain has
// not begun there.
type listed struct {
	token string
	id    chain.Hash
}

// contracts asks an upstream for its contracts, in order of creation.
func (c *httpClient) contracts(ctx context.Context, upstream string) ([]listed, error) {
	var list struct {
		Items []contract `json:"items"`
	}
	if err := c.json(ctx, upstream+"/v1/contracts", maxContractsBytes, &list); err != nil {
		return nil, err
	}
	contracts := make([]listed, len(list.Items))
	for i, item := range list.Items {
		c, err := chain.DecodeContract(item.Contract)
		if err != nil || c.Token != item.Token { // tokens go into file names
			return nil, refuse(NotAChain, "its contract %q is none", clip(item.Token))
		}
		id, err := chain.ParseHash(item.ChainID)
		if item.ChainID != "" && err != nil {
			return nil, refuse(NotAChain, "its contract %q has no id: %s", c.Token, clip(err.Error()))
		}
		contracts[i] = listed{c.Token, id}
	}
	return contracts, nil
}
