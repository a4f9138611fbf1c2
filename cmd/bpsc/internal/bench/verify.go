package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/local"
)

// verification is what the ledger of its own cluster has after a run, found to be right.
type verification struct {
	Acknowledged uint64 `json:"acknowledged"` // transfers
	Unknown      uint64 `json:"unknown"`      // transfers of which nobody was told
	Records      uint64 `json:"records"`
	Accounts     int    `json:"accounts"`
}

// standing is what a member says of the chain.
type standing struct {
	Length  uint64
	Records uint64
	Pending uint64
	Totals  struct{ Issued, Burned, Fees, Held json.Number }
}

// verify compares the ledger with what was acknowledged: every member has as many records,
// and what all accounts have together is what was issued.
func (t *target) verify(ctx context.Context, l *load) (*verification, error) {
	v := &verification{Acknowledged: l.acknowledged + l.funded, Unknown: l.unknown}
	var first standing
	for i, m := range t.members {
		s, err := t.standing(ctx, m.URL)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			first = s
		}
		if s.Records != first.Records {
			return nil, fmt.Errorf("member %s has %d records, %s has %d", m.ID, s.Records, t.members[0].ID, first.Records)
		}
	}
	v.Records = first.Records
	if v.Records < v.Acknowledged || v.Records > v.Acknowledged+v.Unknown {
		return nil, fmt.Errorf("%d transfers were acknowledged and %d may have been made, but the ledger has %d records", v.Acknowledged, v.Unknown, v.Records)
	}
	sum, accounts, err := t.sum(ctx, l)
	if err != nil {
		return nil, err
	}
	v.Accounts = accounts
	decimals := t.contract.Contract.Decimals
	issued, err := units(string(first.Totals.Issued), decimals)
	if err != nil {
		return nil, err
	}
	if sum != issued {
		return nil, fmt.Errorf("all accounts have %d units together, %d were issued", sum, issued)
	}
	return v, nil
}

// standing waits until a member has all that the leader has, and asks it.
func (t *target) standing(ctx context.Context, url string) (s standing, err error) {
	ctx, cancel := context.WithTimeout(ctx, local.StartLimit)
	defer cancel()
	// A linearizable read of any account: what the member says afterwards is as new.
	if _, err := t.balance(ctx, url, t.contract.Contract.BPSC, "linearizable"); err != nil {
		return s, err
	}
	text, err := t.get(ctx, url+"/v1/contracts/"+t.contract.Contract.Token)
	if err == nil {
		err = json.Unmarshal(text, &s)
	}
	return s, err
}

// sum adds up what all accounts have.
func (t *target) sum(ctx context.Context, l *load) (total chain.Amount, accounts int, err error) {
	names := []string{t.contract.Contract.BPSC}
	for i := range l.wallets {
		if l.signer != nil {
			names = append(names, l.signer.keys[i].Address())
		} else {
			names = append(names, walletName(i))
		}
	}
	if l.signer != nil {
		names = append(names, l.signer.payer.Address())
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	balances := make([]chain.Amount, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for i, name := range names {
		group.Go(func() (err error) {
			balances[i], err = t.balance(ctx, t.members[0].URL, name, "local")
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return 0, 0, err
	}
	for _, b := range balances {
		total += b
	}
	return total, len(names), nil
}

// balance asks a member what an account has, in base units.
func (t *target) balance(ctx context.Context, member, name, consistency string) (chain.Amount, error) {
	q := url.Values{"contract": {t.contract.Contract.Token}}
	if consistency != "" {
		q.Set("consistency", consistency)
	}
	text, err := t.get(ctx, member+"/v1/accounts/"+url.PathEscape(name)+"?"+q.Encode())
	if err != nil {
		return 0, err
	}
	var a struct{ Balance json.Number }
	if err := json.Unmarshal(text, &a); err != nil {
		return 0, err
	}
	return units(string(a.Balance), t.contract.Contract.Decimals)
}

// units reads an amount in tokens that may be nothing, or less.
func units(text string, decimals int) (chain.Amount, error) {
	digits, negative := strings.CutPrefix(text, "-")
	if digits == "0" || digits == "" {
		return 0, nil
	}
	a, err := chain.ParseAmount(digits, decimals)
	if negative {
		a = -a
	}
	return a, err
}
