// Package load has clients of all kinds use a cluster, and note what they ask and hear.
package load

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/internal/protocol"
)

// patience is how long a client waits for one answer.
const patience = 2500 * time.Millisecond

// Node is one that clients talk to.
type Node struct {
	ID, URL string
	Member  bool // else a follower, whose reads may be old
	Lies    bool // what it says of balances, blocks and checkpoints counts for nothing
}

// NewClient is for all requests: nothing is sent again behind the client's back, as the
// history would not have it. Whom it trusts is nil where all is plain.
func NewClient(trust *tls.Config) *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig:     trust,
		DialContext:         (&net.Dialer{Timeout: 500 * time.Millisecond}).DialContext,
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}}
}

// answer is what came back, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// said is what answers have that matters here.
type said struct {
	ID, Kind, Reason, Code, Detail string
	Status                         word
	Block                          uint64
	Position                       int
	Replay                         bool
	Balance                        json.Number
	Receive                        string
	Frozen                         bool
	PerTransfer                    json.Number `json:"per_transfer"`
	Records                        int
	Pending                        int
	Length                         int
	Results                        []said
}

// word is a text; of a problem, whose status is a number, it is none.
type word string

func (w *word) UnmarshalJSON(text []byte) error {
	if text[0] != '"' {
		return nil
	}
	return json.Unmarshal(text, (*string)(w))
}

func call(ctx context.Context, client *http.Client, method, url, body string, header ...string) (a answer, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return a, err
	}
	// Without it net/http does not send a request with an idempotency key twice, where the
	// connection fails that it was sent on first.
	req.GetBody = nil
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] != "" {
			req.Header.Set(header[i], header[i+1])
		}
	}
	resp, err := client.Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = resp.Body.Close() }()
	a.body, err = io.ReadAll(resp.Body)
	a.status, a.header = resp.StatusCode, resp.Header
	return a, err
}

// judge fills in what an attempt came to.
func judge(op *history.Op, a answer, err error) (s said) {
	op.HTTP = a.status
	if err == nil {
		if bad := json.Unmarshal(a.body, &s); bad != nil && a.status < 300 {
			err = bad
		}
	}
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		op.Verdict, op.Error = history.NotApplied, err.Error()
	case err != nil:
		op.Verdict, op.Error = history.Unknown, err.Error()
	case a.status < 300:
		op.Verdict = history.Done
	case a.status == http.StatusServiceUnavailable, a.status == http.StatusTooManyRequests:
		op.Verdict, op.Code = history.NotApplied, s.Code
	case a.status < 500:
		op.Verdict, op.Code = history.Refused, s.Code
	default:
		op.Verdict, op.Code, op.Error = history.Unknown, s.Code, s.Detail
	}
	return s
}

// place notes where a transaction is.
func place(op *history.Op, s said) {
	op.Became, op.Reason, op.Block, op.Position, op.Replay = s.Kind, s.Reason, s.Block, s.Position, op.Replay || s.Replay
}

// transaction is what is sent, the same however often.
type transaction struct {
	contract string
	body     string
	key      string // of an open contract
	op       history.Op
}

// attempt sends a transaction once.
func (l *Load) attempt(ctx context.Context, who string, n Node, t transaction) history.Op {
	op := t.op
	op.Client, op.Node, op.Contract, op.Kind, op.Began = who, n.ID, t.contract, history.Submit, l.Book.Now()
	a, err := call(ctx, l.client, http.MethodPost, n.URL+"/v1/transactions?contract="+t.contract, t.body, protocol.IdempotencyKey, t.key)
	op.Ended = l.Book.Now()
	s := judge(&op, a, err)
	if op.Verdict == history.Done {
		op.Replay = a.header.Get(protocol.IdempotentReplay) == "true"
		place(&op, s)
		if s.ID != op.ID {
			op.Verdict, op.Error = history.Unknown, fmt.Sprintf("answered for %s", s.ID)
		}
	}
	l.Book.Add(op)
	return op
}

// batch sends many at once, and notes each as if it had been alone.
func (l *Load) batch(ctx context.Context, who string, n Node, contract string, all []transaction) []history.Op {
	var bodies []string
	for _, t := range all {
		bodies = append(bodies, t.body)
	}
	began := l.Book.Now()
	a, err := call(ctx, l.client, http.MethodPost, n.URL+"/v1/transactions:batch?contract="+contract, `{"transactions":[`+strings.Join(bodies, ",")+`]}`)
	ended := l.Book.Now()
	var ops []history.Op
	for i, t := range all {
		op := t.op
		op.Client, op.Node, op.Contract, op.Kind, op.Began, op.Ended = who, n.ID, contract, history.Submit, began, ended
		if s := judge(&op, a, err); op.Verdict == history.Done {
			item(&op, s, i)
		}
		l.Book.Add(op)
		ops = append(ops, op)
	}
	return ops
}

// item is what became of one transaction of a batch.
func item(op *history.Op, s said, i int) {
	if i >= len(s.Results) {
		op.Verdict, op.Error = history.Unknown, "there is no result for it"
		return
	}
	r := s.Results[i]
	switch r.Status {
	case "final", "pending":
		place(op, r)
	case "refused":
		op.Verdict, op.Code = history.Refused, r.Code
	case "not_applied":
		op.Verdict, op.Code = history.NotApplied, r.Code
	default:
		op.Verdict, op.Code = history.Unknown, r.Code
	}
}
