package load

import (
	"context"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/rules"
)

// units is an amount of both contracts, which have six places.
func units(n json.Number) int64 {
	r, ok := new(big.Rat).SetString(n.String())
	if !ok {
		return -1 << 62 // no balance is that
	}
	return r.Mul(r, big.NewRat(1_000_000, 1)).Num().Int64()
}

// begin is a read that begins now.
func (w *worker) begin(n Node, contract string, kind history.Kind) history.Op {
	return history.Op{Client: w.name, Node: n.ID, Contract: contract, Kind: kind, Local: !n.Member || n.Lies, Began: w.Book.Now()}
}

// read asks for a balance, for the number of records, or how a hold stands.
func (w *worker) read(ctx context.Context) {
	n, contract := w.node(), Open
	if w.rng.IntN(2) == 0 {
		contract = Signed
	}
	op := w.begin(n, contract, history.Balance)
	var path string
	h, held := w.someHold()
	switch p := w.rng.IntN(10); {
	case p < 5:
		op.Account = fmt.Sprintf("w%d", w.rng.IntN(wallets))
		if contract == Signed {
			op.Account = Key(w.rng.IntN(wallets)).Address
		}
		path = "/v1/accounts/" + url.PathEscape(op.Account)
	case p < 8 || !held:
		op.Kind, path = history.Length, "/v1/contracts/"+contract
	default:
		op.Kind, op.Contract, op.ID, path = history.Hold, Signed, h.id, "/v1/holds/"+h.id
	}
	query := "?contract=" + op.Contract
	if n.Member {
		query += "&consistency=linearizable"
	}
	a, err := call(ctx, w.client, http.MethodGet, n.URL+path+query, "")
	op.Ended = w.Book.Now()
	s := judge(&op, a, err)
	op.Balance, op.Records, op.Stands = units(s.Balance), s.Records, string(s.Status)
	if s.Receive != "" {
		op.Rules = &history.Rules{Receive: s.Receive, Frozen: s.Frozen}
		if s.PerTransfer != "" {
			op.Rules.PerTransfer = units(s.PerTransfer)
		}
	}
	w.Book.Add(op)
}

// ask wants to know what became of a transaction that somebody has just sent.
func (w *worker) ask(ctx context.Context) {
	recent := slices.DeleteFunc(w.Book.Recent(200), func(op history.Op) bool { return op.Kind != history.Submit })
	if len(recent) == 0 {
		return
	}
	of, n := recent[w.rng.IntN(len(recent))], w.node()
	w.status(ctx, n, of.Contract, of.ID)
}

func (w *worker) status(ctx context.Context, n Node, contract, id string) {
	op := w.begin(n, contract, history.Status)
	op.ID = id
	a, err := call(ctx, w.client, http.MethodGet, n.URL+"/v1/transactions/"+id+"?contract="+contract, "")
	op.Ended = w.Book.Now()
	s := judge(&op, a, err)
	if op.Verdict == history.Done {
		if s.Status == "refused" {
			op.Code = s.Code
		}
		place(&op, s)
	}
	w.Book.Add(op)
}

// Page is what somebody got of an account's history, from its beginning, at one node or more.
type Page struct {
	Name     string
	Contract string
	Account  string
	IDs      []string
}

// page reads an account's history page by page, each from another node. What is not there yet
// at one it reads at the next.
func (w *worker) page(ctx context.Context) {
	p := Page{Contract: Open, Account: fmt.Sprintf("w%d", w.rng.IntN(wallets))}
	after, names := "", []string{}
	for range 6 {
		n := w.node()
		query := fmt.Sprintf("%s/v1/accounts/%s/transactions?contract=%s&order=asc&limit=%d", n.URL, p.Account, p.Contract, 1+w.rng.IntN(60))
		if after != "" {
			query += "&after=" + url.QueryEscape(after)
		}
		a, err := call(ctx, w.client, http.MethodGet, query, "")
		if err != nil || a.status != http.StatusOK {
			continue
		}
		var page struct {
			Items []struct {
				Cursor string
				Record struct{ ID string }
			}
			Next string
		}
		if err := json.Unmarshal(a.body, &page); err != nil {
			continue
		}
		names = append(names, n.ID)
		for _, i := range page.Items {
			p.IDs = append(p.IDs, i.Record.ID)
			after = i.Cursor
		}
		if page.Next != "" {
			after = page.Next
		}
	}
	p.Name = fmt.Sprintf("pages of %s from %s", p.Account, strings.Join(names, ", "))
	w.mu.Lock()
	w.pages = append(w.pages, p)
	w.mu.Unlock()
}

// Shown is a checkpoint that a node or a witness showed of a contract's chain.
type Shown struct {
	Contract string
	Witness  bool
	rules.Checkpoint
}

// checkpoint asks a node for its newest.
func (w *worker) checkpoint(ctx context.Context) {
	n, contract := w.node(), Open
	if w.rng.IntN(3) == 0 {
		contract = Signed
	}
	if n.Lies {
		return
	}
	w.saw(ctx, n.ID, n.URL+"/v1/contracts/"+contract+"/checkpoint", contract, false)
}

// Take returns pages and checkpoints that were seen since the last time.
func (l *Load) Take() (pages []Page, seen []Shown) {
	l.mu.Lock()
	defer l.mu.Unlock()
	pages, seen = l.pages, l.seen
	l.pages, l.seen = nil, nil
	return pages, seen
}
