package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/bpsc/bpsc/internal/protocol"
)

// Transfer is what a client asks for. Key makes it safe to send again.
type Transfer struct {
	Contract  string      `json:"contract,omitempty"`
	Sender    string      `json:"sender"`
	Recipient string      `json:"recipient"`
	Amount    json.Number `json:"amount"`
	Memo      string      `json:"memo,omitempty"`
	Key       string      `json:"-"`
}

// Ack is the answer to a transaction that has been decided.
type Ack struct {
	ID       string
	Status   string
	Kind     string // of the record: a transfer may have become a hold or a refund
	Reason   string // of a refund
	Block    uint64
	Position int
	Replay   bool `json:"-"` // answered from the ledger: it had happened before
}

// Problem is an answer that is not success.
type Problem struct {
	protocol.Problem
	Header http.Header `json:"-"`
}

func (p *Problem) Error() string {
	return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail)
}

func newHTTPClient() *http.Client {
	return &http.Client{
		Timeout: 10 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: time.Second}).DialContext,
			MaxIdleConnsPerHost: 512,
			DisableCompression:  true,
		},
	}
}

// Submit sends a transfer once, to the API at a URL: a member's or that of a
// follower, which passes it on.
func (c *Cluster) Submit(ctx context.Context, url string, t Transfer) (Ack, error) {
	body, err := json.Marshal(t)
	if err != nil {
		return Ack{}, err
	}
	return c.post(ctx, url, body, t.Key)
}

// SubmitText sends the text of a transaction once, to one member.
func (c *Cluster) SubmitText(ctx context.Context, m *Member, body string) (Ack, error) {
	return c.post(ctx, m.URL, []byte(body), "")
}

func (c *Cluster) post(ctx context.Context, url string, body []byte, key string) (Ack, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/transactions", bytes.NewReader(body))
	if err != nil {
		return Ack{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set(protocol.IdempotencyKey, key)
	}
	resp, err := c.HTTP.Do(req)
	if err != nil {
		return Ack{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusCreated && resp.StatusCode != http.StatusOK {
		return Ack{}, readProblem(resp)
	}
	ack := Ack{Replay: resp.Header.Get(protocol.IdempotentReplay) == "true"}
	return ack, readJSON(resp, &ack)
}

// Get fetches JSON into a value, or only checks that the answer is 200.
func Get(ctx context.Context, client *http.Client, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return readProblem(resp)
	}
	if into == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return readJSON(resp, into)
}

// readJSON reads an answer to its end, so that its connection is used again.
func readJSON(resp *http.Response, into any) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, into); err != nil {
		return fmt.Errorf("%s answered %q: %w", resp.Request.URL, body, err)
	}
	return nil
}

// readProblem turns an answer into a *Problem, whatever its body is.
func readProblem(resp *http.Response) error {
	p := &Problem{Header: resp.Header}
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, p); err != nil {
		p.Detail = string(body)
	}
	p.Status = resp.StatusCode
	return p
}
