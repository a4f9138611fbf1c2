package verify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"golang.org/x/sync/errgroup"
)

// Member downloads a contract's chain from a member over HTTP in two ways that
// must agree, checks all of it, and compares every balance with what the
// member answers. contract is a token, or "" for the default.
//
// Balances count final records that no block holds yet, so they agree only
// when nothing is pending.
func Member(ctx context.Context, client *http.Client, base, contract string) (*Ledger, [][]byte, error) {
	m := member{client: client, base: base, query: "?contract=" + url.QueryEscape(contract)}
	if contract == "" {
		m.query = ""
	}
	texts, err := m.chain(ctx)
	if err != nil {
		return nil, nil, err
	}
	l, err := Check(texts)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", base, err)
	}
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(atOnce)
	for name, balance := range l.Balances {
		asking.Go(func() error { return m.checkBalance(ctx, l, name, balance) })
	}
	for id, hold := range l.Holds {
		asking.Go(func() error { return m.checkHold(ctx, l, id, hold) })
	}
	if err := asking.Wait(); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", base, err)
	}
	return l, texts, nil
}

// atOnce is how many requests are under way together: a member answers each after a
// round through the cluster, which they share.
const atOnce = 16

type member struct {
	client *http.Client
	base   string
	query  string
}

func (m member) chain(ctx context.Context) ([][]byte, error) {
	var answer struct {
		Chain  []json.RawMessage `json:"chain"`
		Length int               `json:"length"`
	}
	body, err := m.get(ctx, "/chain")
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, fmt.Errorf("%s/chain: %w", m.base, err)
	}
	if answer.Length != len(answer.Chain) {
		return nil, fmt.Errorf("%s/chain: length is %d, there are %d blocks", m.base, answer.Length, len(answer.Chain))
	}
	texts := make([][]byte, len(answer.Chain))
	asking, ctx := errgroup.WithContext(ctx)
	asking.SetLimit(atOnce)
	for i, inChain := range answer.Chain {
		asking.Go(func() (err error) {
			texts[i], err = m.get(ctx, fmt.Sprintf("/v1/blocks/%d", i+1))
			if err == nil && !bytes.Equal(texts[i], inChain) {
				err = fmt.Errorf("%s: block %d has other bytes in /chain than in /v1/blocks", m.base, i+1)
			}
			return err
		})
	}
	return texts, asking.Wait()
}

func (m member) checkBalance(ctx context.Context, l *Ledger, name string, want int64) error {
	var account struct {
		Balance      json.Number
		Receive, Key string
		Frozen       bool
	}
	body, err := m.get(ctx, "/v1/accounts/"+url.PathEscape(name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &account); err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	got, err := l.units(account.Balance)
	if err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	if got != want {
		return fmt.Errorf("account %q has %d units, its records give %d", name, got, want)
	}
	w := l.Wallets[name]
	if account.Key != w.Key || account.Frozen != w.Frozen || l.signed() && account.Receive != cmp.Or(w.Receive, "auto") {
		return fmt.Errorf("account %q is %+v, its records give %+v", name, account, w)
	}
	return nil
}

func (m member) checkHold(ctx context.Context, l *Ledger, id string, want Hold) error {
	var answer struct {
		Status, Sender, Recipient string
		Amount                    json.Number
		HoldUntil                 int64 `json:"hold_until"`
	}
	body, err := m.get(ctx, "/v1/holds/"+id)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("hold %s: %w", id, err)
	}
	amount, err := l.units(answer.Amount)
	if err != nil {
		return fmt.Errorf("hold %s: %w", id, err)
	}
	got := Hold{answer.Sender, answer.Recipient, amount, answer.HoldUntil, answer.Status}
	if want.Ended = cmp.Or(want.Ended, "pending"); got != want {
		return fmt.Errorf("hold %s is %+v, its records give %+v", id, got, want)
	}
	return nil
}

func (m member) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.base+path+m.query, nil)
	if err != nil {
		return nil, err
	}
	resp, err := m.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s%s: %s: %s", m.base, path, resp.Status, body)
	}
	return body, nil
}
