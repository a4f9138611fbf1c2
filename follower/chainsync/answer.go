package chainsync

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
)

const (
	typeLines = "application/x-ndjson"
	typeJSON  = "application/json"
)

// acceptable says what is wrong with an answer before its body is looked at.
func acceptable(resp *http.Response, mediaType string) error {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return refuse(Redirected, "it answers %d, to go to %q", resp.StatusCode, clip(resp.Header.Get("Location")))
	}
	if resp.StatusCode != http.StatusOK {
		r := refuse(BadStatus, "it answers %d", resp.StatusCode)
		r.status = resp.StatusCode
		return r
	}
	got, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil || got != mediaType {
		return refuse(NotAChain, "it answers with %q, not %s", clip(resp.Header.Get("Content-Type")), mediaType)
	}
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return refuse(NotAChain, "it answers in the encoding %q, which was not asked for", clip(encoding))
	}
	return nil
}

// span is the part of a chain that is asked for.
type span struct {
	token string
	chain chain.Hash // its id, once it is known: what comes of another one is no answer
	from  uint64
	limit uint64
	wait  time.Duration // for the first block, if it is not there yet
}

// blocks is an answer with one block a line.
type blocks struct {
	*reply
	span
	length uint64 // of the upstream's chain; 0: not said, as all is there
	count  uint64 // lines so far
	in     *bufio.Reader
	long   []byte // a line that is longer than in's buffer
}

// blocks asks an upstream for a part of a chain. Parameters are always in the
// same order, so that caches on the way know a range again.
func (w *web) blocks(ctx context.Context, upstream string, sp span) (*blocks, error) {
	target := upstream + "/smart/chain?contract=" + url.QueryEscape(sp.token) +
		"&from=" + strconv.FormatUint(sp.from, 10) + "&limit=" + strconv.FormatUint(sp.limit, 10)
	if !sp.chain.IsZero() {
		target += "&chain=" + sp.chain.String()
	}
	if sp.wait > 0 {
		target += "&wait=" + sp.wait.String()
	}
	r, err := w.get(ctx, target, typeLines, sp.wait)
	if err != nil {
		return nil, err
	}
	b := &blocks{reply: r, span: sp}
	if text := r.header.Get(protocol.ChainLength); text != "" {
		if b.length, err = strconv.ParseUint(text, 10, 63); err != nil || b.length == 0 {
			r.end()
			return nil, refuse(NotAChain, "%s is %q", protocol.ChainLength, clip(text))
		}
	}
	b.in = bufio.NewReaderSize(&r.body, readBuffer)
	return b, nil
}

// next returns the next line without its end, valid until the next call;
// io.EOF after all that was promised.
func (b *blocks) next() ([]byte, error) {
	line, err := b.line()
	var r *refusal
	switch {
	case errors.As(err, &r):
		return nil, r
	case errors.Is(err, io.EOF) && len(line) == 0:
		return nil, b.ended()
	case err != nil:
		return nil, b.failed(err)
	}
	if b.count++; b.count > b.limit {
		return nil, refuse(Endless, "more than the %d blocks that were asked for", b.limit)
	}
	return line, nil
}

func (b *blocks) line() ([]byte, error) {
	line, err := b.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		b.long = b.long[:0]
		for errors.Is(err, bufio.ErrBufferFull) && len(b.long) <= chain.MaxBlockBytes {
			b.long = append(b.long, line...)
			line, err = b.in.ReadSlice('\n')
		}
		b.long = append(b.long, line...)
		line = b.long
	}
	line, whole := bytes.CutSuffix(line, []byte("\n"))
	if len(line) > chain.MaxBlockBytes {
		return nil, refuse(LineTooLong, "a line has more than %d bytes", chain.MaxBlockBytes)
	}
	if !whole && err == nil {
		err = io.ErrUnexpectedEOF
	}
	return line, err
}

// ended holds what came against what the upstream said it has.
func (b *blocks) ended() error {
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
func (w *web) length(ctx context.Context, upstream, token string) (uint64, error) {
	var c contract
	err := w.json(ctx, upstream+"/v1/contracts/"+url.PathEscape(token), maxContractBytes, &c)
	if err == nil && c.Token != token {
		err = refuse(NotAChain, "asked for contract %s it answers with %q", token, clip(c.Token))
	}
	return c.Length, err
}

// listed is a contract that an upstream has. The id is zero while its chain has
// not begun there.
type listed struct {
	token string
	id    chain.Hash
}

// contracts asks an upstream for its contracts, in order of creation.
func (w *web) contracts(ctx context.Context, upstream string) ([]listed, error) {
	var list struct {
		Items []contract `json:"items"`
	}
	if err := w.json(ctx, upstream+"/v1/contracts", maxContractsBytes, &list); err != nil {
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

// json asks for one object of at most so many bytes.
func (w *web) json(ctx context.Context, target string, most int64, v any) error {
	r, err := w.get(ctx, target, typeJSON, 0)
	if err != nil {
		return err
	}
	defer r.end()
	data, err := io.ReadAll(io.LimitReader(&r.body, most+1))
	switch {
	case err != nil:
		return r.failed(err)
	case int64(len(data)) > most:
		return refuse(Endless, "more than %d bytes about its contracts", most)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return refuse(NotAChain, "what it says of its contracts is not JSON: %s", clip(err.Error()))
	}
	return nil
}
