package lab

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/history"
	"github.com/bpsc/bpsc/e2e/faults/rules"
	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// Chain is what the nodes have agreed on so far, of one contract, verified block by block by
// a program that shares no code with the product.
type Chain struct {
	Token string
	every time.Duration // 0: no block has to come

	ledger  *verify.Ledger
	texts   [][]byte
	tree    rules.Tree
	origin  string
	places  map[string]rules.Place
	order   []string // ids of all records
	holds   map[string]rules.Life
	wallets map[string]history.Rules
	events  []rules.Event       // from block 2 on
	byName  map[string][]string // the records of each wallet
}

// NewChain knows nothing yet.
func NewChain(token string, every time.Duration) *Chain {
	return &Chain{Token: token, every: every, ledger: verify.New(), places: map[string]rules.Place{}, holds: map[string]rules.Life{}, wallets: map[string]history.Rules{}, byName: map[string][]string{}}
}

// Length is how many blocks it has.
func (c *Chain) Length() int { return len(c.texts) }

// gained is what a chain has more than before.
type gained struct {
	base     int
	balances map[string]int64         // before
	wallets  map[string]history.Rules // before
	records  []rules.Record
	blocks   []rules.Block // beginning with the last one of before
}

// extend takes blocks from the first node, verifies them, and compares what all others have.
func (c *Chain) extend(texts [][]byte) (gained, error) {
	g := gained{base: len(c.order), balances: maps.Clone(c.ledger.Balances), wallets: maps.Clone(c.wallets)}
	if n := len(c.ledger.Blocks); n > 0 {
		g.blocks = append(g.blocks, blockOf(c.ledger.Blocks[n-1]))
	}
	for _, text := range texts {
		if err := c.ledger.Append(text); err != nil {
			return g, err
		}
		b := c.ledger.Blocks[len(c.ledger.Blocks)-1]
		c.texts = append(c.texts, text)
		if err := c.tree.Add(header(b, text)); err != nil {
			return g, err
		}
		if b.Index == 1 {
			c.origin = fmt.Sprintf("bpsc/%s/%x", c.Token, sum(text)[:8])
		}
		g.blocks = append(g.blocks, blockOf(b))
		for _, raw := range b.Transactions {
			var id struct{ ID string }
			if err := json.Unmarshal(raw, &id); err != nil {
				return g, err
			}
			r, err := c.record(id.ID)
			if err != nil {
				return g, err
			}
			g.records = append(g.records, r)
			c.events = append(c.events, rules.Event{Block: b.Index, Position: r.Position, What: r.ID})
		}
		if b.Index > 1 {
			c.events = append(c.events, rules.Event{Block: b.Index, Position: -1, What: fmt.Sprintf("%x", sum(text))})
		}
	}
	return g, nil
}

// record notes the next record.
func (c *Chain) record(id string) (rules.Record, error) {
	at := c.ledger.Records[id]
	c.order = append(c.order, id)
	r := rules.Record{
		Place: rules.Place{Block: at.Block, Position: at.Position, Order: len(c.order)}, ID: id,
		Kind: at.Record.Kind, Reason: at.Record.Reason, Hold: at.Record.Hold,
		Sender: at.Record.Sender, Recipient: at.Record.Recipient, Units: at.Amount,
	}
	c.places[id] = r.Place
	switch {
	case r.Kind == "hold":
		c.holds[id] = rules.Life{Opened: r.Order}
	case r.Hold != "":
		h := c.holds[r.Hold]
		h.Ended, h.How = r.Order, c.ledger.Holds[r.Hold].Ended
		c.holds[r.Hold] = h
	}
	names := map[string]bool{r.Sender: true, r.Recipient: true}
	for name := range names {
		c.byName[name] = append(c.byName[name], id)
	}
	var err error
	if r.Moves, err = c.moves(at); err == nil && r.Kind == "rules" {
		r.Set, err = c.set(at.Record)
	}
	return r, err
}

// set is what a record of that kind makes of a wallet's rules.
func (c *Chain) set(r verify.Record) (*rules.Set, error) {
	wallet := r.Sender
	if r.Frozen != nil {
		wallet = r.Account
	}
	now, known := c.wallets[wallet]
	if !known {
		now = rules.Anew()
	}
	if r.Frozen != nil {
		now.Frozen = *r.Frozen
	}
	if r.Receive != "" {
		now.Receive = r.Receive
	}
	if r.PerTransfer != "" {
		most, err := c.ledger.Units(r.PerTransfer)
		if err != nil {
			return nil, err
		}
		now.PerTransfer = most
	}
	c.wallets[wallet] = now
	return &rules.Set{Wallet: wallet, Rules: now}, nil
}

// moves are what a record changed balances by, read from its amounts alone.
func (c *Chain) moves(at verify.Place) (map[string]int64, error) {
	r, m := at.Record, map[string]int64{}
	switch {
	case r.Kind == "transfer" || r.Kind == "delivery":
		for name, amount := range map[string]json.Number{r.Recipient: r.AmountReceive, r.BPSC: r.AmountBPSC} {
			n, err := c.ledger.Units(amount)
			if err != nil {
				return nil, err
			}
			m[name] += n
		}
		if r.Kind == "transfer" {
			m[r.Sender] -= at.Amount
		}
	case r.Kind == "hold":
		m[r.Sender] -= at.Amount
	case r.Kind == "refund" && r.Hold != "":
		m[r.Sender] += at.Amount
	}
	return m, nil
}

// header is a block as a leaf of the log of headers.
func header(b verify.Block, text []byte) []byte {
	return fmt.Appendf(nil, `{"hash": "%x", "index": %d, "previous_hash": "%s", "timestamp": %s, "transactions": %d, "transactions_root": "%s"}`,
		sum(text), b.Index, b.PreviousHash, b.Timestamp, len(b.Transactions), b.Root)
}

func sum(text []byte) []byte {
	h := sha256.Sum256(text)
	return h[:]
}

func blockOf(b verify.Block) rules.Block {
	seconds, _ := strconv.ParseFloat(b.Timestamp.String(), 64) // the verifier has read it as a number
	return rules.Block{Index: b.Index, At: time.UnixMicro(int64(seconds * 1e6))}
}

// fetch reads blocks from one on up to another from a node.
func (w *World) fetch(ctx context.Context, url, token string, from, to int) (texts [][]byte, err error) {
	for from <= to {
		more, err := w.blocks(ctx, url, token, fmt.Sprintf("from=%d&limit=%d", from, to-from+1))
		if err != nil {
			return nil, err
		}
		if len(more) == 0 {
			return nil, fmt.Errorf("%s has no block %d", url, from)
		}
		texts, from = append(texts, more...), from+len(more)
	}
	return texts, nil
}

// blocks are what a node gives away of a chain, asked as followers do. Those that came before
// an error are with it.
func (w *World) blocks(ctx context.Context, url, token, query string) ([][]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/smart/chain?contract=%s&%s", url, token, query), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/x-ndjson")
	return harness.Lines(w.http, req)
}

// short is a text for people.
func short(s string) string { return strings.TrimSpace(s[:min(len(s), 200)]) }
