package main

import (
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bpsc/bpsc/e2e/sign"
	"github.com/bpsc/bpsc/internal/harness"
)

// payers is how many wallets send to each other.
const payers = 500

// signedToken is a contract beside the open one.
const signedToken = "signed"

// signer makes transfers that nobody has sent before.
type signer struct {
	leader  *harness.Member
	chain   sign.Chain
	wallets []sign.Key
	run     string // first half of every nonce
	count   atomic.Int64
	sent    atomic.Int64 // transfers in requests that succeeded
}

// newSigner creates a signed contract and gives every payer something.
func newSigner(ctx context.Context, leader *harness.Member) (*signer, error) {
	var run [8]byte
	_, _ = crand.Read(run[:]) // it never fails
	s := &signer{leader: leader, run: hex.EncodeToString(run[:])}
	issuer := sign.NewKey("issuer")
	contract := fmt.Sprintf(`{"token":"%s","wallets":"signed","issuer":"%s","supply":900000000}`, signedToken, issuer.Address)
	if err := s.call(ctx, "/v1/contracts", contract, nil); err != nil {
		return nil, err
	}
	info, err := s.info(ctx)
	if err != nil {
		return nil, err
	}
	s.chain = sign.Chain{ID: info.ChainID, Decimals: 6}
	var funding []string
	for i := range payers {
		s.wallets = append(s.wallets, sign.NewKey(fmt.Sprintf("payer %d", i)))
		funding = append(funding, s.sign(issuer, s.wallets[i], 1_000_000_000_000))
	}
	s.sent.Add(payers)
	return s, s.call(ctx, "/v1/transactions:batch", batchText(funding), nil)
}

// chainInfo is what a member says of a contract's chain.
type chainInfo struct {
	ChainID string `json:"chain_id"`
	Records int64
}

func (s *signer) info(ctx context.Context) (info chainInfo, err error) {
	err = harness.Until(ctx, 10*time.Second, "the signed chain has begun", func(ctx context.Context) error {
		if err := s.call(ctx, "/v1/contracts/"+signedToken, "", &info); err != nil {
			return err
		}
		if info.ChainID == "" {
			return errors.New("not yet")
		}
		return nil
	})
	return info, err
}

// call sends a request to the leader: a POST where there is a body.
func (s *signer) call(ctx context.Context, path, body string, into any) error {
	method := http.MethodGet
	if body != "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, s.leader.URL+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s: %s: %s", path, resp.Status, text)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(text, into)
}

func (s *signer) sign(from, to sign.Key, units sign.Units) string {
	nonce := fmt.Sprintf("%s%016x", s.run, s.count.Add(1))
	return s.chain.Transfer(from, to.Address, units, nonce, time.Now().Unix()+3600).Body
}

// transfer is a new one, between two wallets that take turns.
func (s *signer) transfer() string {
	n := int(s.count.Load())
	from := n % payers
	to := (from + 1 + n/payers%(payers-1)) % payers
	return s.sign(s.wallets[from], s.wallets[to], sign.Units(1_000_000*(1+n%10)))
}

// single is a request signed while others are under way.
func (s *signer) single() (path, body string) {
	return "/v1/transactions?contract=" + signedToken, s.transfer()
}

// batches signs requests on all cores, before the load begins.
func (s *signer) batches(count, size int) []string {
	all := make([]string, count)
	var next atomic.Int64
	var wg sync.WaitGroup
	for range runtime.NumCPU() {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < count; i = next.Add(1) - 1 {
				items := make([]string, size)
				for j := range items {
					items[j] = s.transfer()
				}
				all[i] = batchText(items)
			}
		})
	}
	wg.Wait()
	return all
}

func batchText(items []string) string {
	return `{"contract":"` + signedToken + `","transactions":[` + strings.Join(items, ",") + `]}`
}

// rows are those of signed transfers.
func (s *signer) rows(o options, c *harness.Cluster) []row {
	single := row{name: "signed transfers", connections: slices.Max(o.connections), fresh: s.single, transfers: 1, want: 201, sent: &s.sent}
	batch := row{
		name: fmt.Sprintf("signed batches of %d", o.batchSize), connections: o.batchConns, transfers: o.batchSize, want: 200, sent: &s.sent,
		once: func() []string { return s.batches(o.signedBatches, o.batchSize) },
	}
	return []row{
		single.at("the leader", s.leader), single.at("all members", c.Members...),
		batch.at("the leader", s.leader), batch.at("all members", c.Members...),
	}
}

// check compares what was answered with what the chain has: a batch is answered
// with 200 whatever became of its items.
func (s *signer) check(ctx context.Context) error {
	info, err := s.info(ctx)
	if err != nil {
		return err
	}
	if sent := s.sent.Load(); info.Records < sent {
		return fmt.Errorf("the signed chain has %d records, %d transfers were sent in requests that succeeded", info.Records, sent)
	}
	return nil
}
