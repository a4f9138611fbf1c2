package harness

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

// FollowerOptions say whom a follower follows.
type FollowerOptions struct {
	Binary    string
	Dir       string // for data and logs
	ID        string
	Upstreams []string            // URLs of one cluster, or of its followers; all of its contracts
	Contracts map[string][]string // single contracts of other clusters: URLs by token
	Args      []string            // further arguments
}

// Follower is a process outside the cluster with a copy of its chains.
type Follower struct {
	Process
	HTTP *http.Client
}

// NewFollower lays out a follower on a free loopback port; nothing is started.
func NewFollower(o FollowerOptions) (*Follower, error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, err
	}
	port, err := FreePort()
	if err != nil {
		return nil, err
	}
	listen := fmt.Sprintf("127.0.0.1:%d", port)
	f := &Follower{newProcess(o.Dir, o.Binary, o.ID, listen), newHTTPClient()}
	f.args = []string{"follow", "--listen", listen, "--data", f.Data}
	if len(o.Upstreams) > 0 {
		f.args = append(f.args, "--upstream", strings.Join(o.Upstreams, ","))
	}
	for _, token := range slices.Sorted(maps.Keys(o.Contracts)) {
		f.args = append(f.args, "--bpsc", token+"="+strings.Join(o.Contracts[token], ","))
	}
	f.args = append(f.args, o.Args...)
	return f, nil
}

// AwaitReady waits until the follower has caught up and serves.
func (f *Follower) AwaitReady(ctx context.Context, limit time.Duration) error {
	return f.await(ctx, f.HTTP, "/readyz", limit)
}

// AwaitLength waits until the follower serves n blocks of a contract; token is
// "" for the default one.
func (f *Follower) AwaitLength(ctx context.Context, token string, n int, limit time.Duration) error {
	return Until(ctx, limit, fmt.Sprintf("%s has %d blocks", f.ID, n), func(ctx context.Context) error {
		if !f.Alive() {
			return f.ended()
		}
		blocks, err := f.blocks(ctx, token, fmt.Sprintf("from=%d&limit=1&wait=5s", n))
		if err == nil && len(blocks) == 0 {
			err = errors.New("not yet")
		}
		return err
	})
}

// Chain reads the texts of a contract's blocks, as another follower would.
func (f *Follower) Chain(ctx context.Context, token string) ([][]byte, error) {
	return f.blocks(ctx, token, "from=1")
}

// blocks reads a stream of blocks, one a line.
func (f *Follower) blocks(ctx context.Context, token, query string) ([][]byte, error) {
	if token != "" {
		query += "&contract=" + url.QueryEscape(token)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.URL+"/smart/chain?"+query, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	return Lines(f.HTTP, req)
}

// Lines sends a request for a stream of blocks, one a line, and reads it to its end. Where it
// ends within a block, those before are there with the error.
func Lines(client *http.Client, req *http.Request) ([][]byte, error) {
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, readProblem(resp)
	}
	var texts [][]byte
	for r := bufio.NewReaderSize(resp.Body, 64<<10); ; {
		line, err := r.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF) && len(line) == 0:
			return texts, nil
		case err != nil:
			return texts, fmt.Errorf("%s ends within a block: %w", req.URL, err)
		}
		texts = append(texts, line[:len(line)-1])
	}
}

// Personal reads the texts of the blocks of the follower's personal chain.
func (f *Follower) Personal(ctx context.Context) ([][]byte, error) {
	var answer struct {
		Chain  []json.RawMessage `json:"chain2"`
		Length int
	}
	if err := Get(ctx, f.HTTP, f.URL+"/chain2", &answer); err != nil {
		return nil, err
	}
	if answer.Length != len(answer.Chain) {
		return nil, fmt.Errorf("%s/chain2: length is %d, there are %d blocks", f.URL, answer.Length, len(answer.Chain))
	}
	var texts [][]byte
	for _, block := range answer.Chain {
		texts = append(texts, block)
	}
	return texts, nil
}
