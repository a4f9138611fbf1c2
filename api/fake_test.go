package api

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/nodelist"
)

// fake is a ledger of one process: it implements Writer, Reader, Member and
// Evidence as simply as can be, and counts what would have become entries of the log.
type fake struct {
	fakeAccess
	history   chain.HistoryPage
	asked     chain.HistoryQuery  // by the last call of History
	askedPast chain.PastHoldQuery // by the last call of HoldsAt
	mu        sync.Mutex
	chains    []*fakeChain
	nodes     nodelist.List
	applied   uint64
	writes    int           // calls of the Writer
	err       error         // what the Writer answers with
	busy      error         // what the Member is too busy for
	refuse    chain.Code    // what every transaction is refused with
	follower  bool          // this member does not lead
	lag       uint64        // how far this replica is behind the log
	stuck     bool          // waiting for this replica never ends
	grown     chan struct{} // closed when a block comes
	last      []chain.Transaction
	become    func(r *chain.Record) // what a record is instead of what was asked for
	clock     chain.Micros          // machine time
	now       int64                 // what the next entry would carry; 0 for not known
	signed    signedLog
	change    MemberChange  // the last that was asked for
	patience  time.Duration // and how long it might have taken
}

type fakeChain struct {
	contract chain.Contract
	blocks   [][]byte
	pending  []chain.Record
	outcomes map[chain.ID]chain.Outcome
	balances map[string]chain.Amount
	holds    map[chain.ID]chain.HoldState
	wallets  map[string]*chain.Wallet
}

func openContract(token string) chain.Contract {
	c := chain.DefaultContract()
	c.Token, c.Wallets, c.BPSC = token, chain.OpenWallets, chain.OpenBPSC
	return c
}

// newFake has one contract, aka, whose chain begins at second 1,700,000,000.
func newFake(contracts ...chain.Contract) *fake {
	f := &fake{grown: make(chan struct{}), clock: 1_700_000_000_000_000}
	if len(contracts) == 0 {
		contracts = []chain.Contract{openContract("aka")}
	}
	for _, c := range contracts {
		f.begin(c)
	}
	return f
}

func (f *fake) begin(c chain.Contract) {
	fc := &fakeChain{contract: c, outcomes: map[chain.ID]chain.Outcome{}, balances: map[string]chain.Amount{},
		holds: map[chain.ID]chain.HoldState{}, wallets: map[string]*chain.Wallet{}}
	f.chains = append(f.chains, fc)
	fc.forge(chain.ByGenesis)
	f.applied++
}

func (fc *fakeChain) forge(trigger chain.Trigger) {
	h := chain.Header{Index: uint64(len(fc.blocks)) + 1, PreviousHash: chain.GenesisPrevious, Trigger: trigger, HasRoot: true}
	var root chain.RootBuilder
	for i := range fc.pending {
		root.Add(chain.AppendRecord(nil, &fc.pending[i], fc.contract.Decimals))
	}
	h.Root = root.Root()
	h.Timestamp = chain.Seconds(1_700_000_000 + len(fc.blocks)).Micros()
	if len(fc.blocks) > 0 {
		h.PreviousHash = chain.HashBytes(fc.blocks[len(fc.blocks)-1]).String()
	} else {
		h.Contract = &fc.contract
	}
	b := chain.Block{Header: h, Records: fc.pending}
	fc.blocks = append(fc.blocks, b.Append(nil, fc.contract.Decimals))
	fc.pending = nil
}

func (f *fake) find(token string) *fakeChain {
	for _, fc := range f.chains {
		if fc.contract.Token == token {
			return fc
		}
	}
	return nil
}

func (f *fake) Submit(_ context.Context, c *chain.Contract, txs []chain.Transaction) []chain.Outcome {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	f.applied++
	f.last = slices.Clone(txs)
	outcomes := make([]chain.Outcome, len(txs))
	for i, tx := range txs {
		switch {
		case f.err != nil:
			outcomes[i].Err = f.err
		case f.refuse != "":
			outcomes[i] = chain.Outcome{Record: chain.Record{ID: tx.ID}, Refused: f.refuse}
		default:
			outcomes[i] = f.find(c.Token).transfer(tx, f.applied, f.become)
		}
	}
	f.wake()
	return outcomes
}

func (fc *fakeChain) transfer(tx chain.Transaction, applied uint64, become func(*chain.Record)) chain.Outcome {
	if old, ok := fc.outcomes[tx.ID]; ok {
		if tx.Auth == nil && (old.Record.Sender != tx.Sender || old.Record.Recipient != tx.Recipient || old.Record.AmountSend != tx.Amount) {
			return chain.Outcome{Record: chain.Record{ID: tx.ID}, Refused: chain.IDReused}
		}
		old.Replay = true
		return old
	}
	fee := chain.Fee(tx.Amount, fc.contract.FeePPM)
	o := chain.Outcome{
		Block: uint64(len(fc.blocks)) + 1, Position: len(fc.pending), AppliedIndex: applied,
		Record: chain.Record{Kind: chain.Transfer, ID: tx.ID, BPSC: fc.contract.BPSC, Sender: tx.Sender,
			Recipient: tx.Recipient, AmountSend: tx.Amount, AmountBPSC: fee, AmountReceive: tx.Amount - fee,
			Memo: tx.Memo, HasMemo: tx.Memo != ""},
	}
	if tx.Auth != nil {
		o.Record = fc.signedRecord(tx, become)
	}
	fc.balances[tx.Sender] -= tx.Amount
	fc.balances[tx.Recipient] += tx.Amount - fee
	fc.pending = append(fc.pending, o.Record)
	o.Completed = len(fc.pending) == fc.contract.Schedule.Transactions
	fc.outcomes[tx.ID] = o
	if o.Completed {
		fc.forge(chain.ByCount)
	}
	return o
}

// wake must be called with mu held.
func (f *fake) wake() {
	close(f.grown)
	f.grown = make(chan struct{})
}

func (f *fake) Produce(_ context.Context, token string) (chain.Produced, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.err != nil {
		return chain.Produced{}, f.err
	}
	f.applied++
	fc := f.find(token)
	fc.forge(chain.ByRequest)
	f.wake()
	return chain.Produced{Block: uint64(len(fc.blocks)), AppliedIndex: f.applied}, nil
}

func (f *fake) CreateContract(_ context.Context, c chain.Contract) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.err != nil {
		return 0, f.err
	}
	f.begin(c)
	return f.applied, nil
}

func (f *fake) RegisterNodes(_ context.Context, nodes []string, from string) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.err != nil {
		return 0, f.err
	}
	for _, n := range nodes {
		f.nodes.Add(n, from)
	}
	return f.applied, nil
}

func (f *fake) RemoveNode(_ context.Context, node string) (uint64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes++
	if f.err == nil && !f.nodes.Remove(node) {
		return 0, chain.NotFound
	}
	return f.applied, f.err
}

func (f *fake) DefaultToken() (string, bool) {
	if len(f.chains) == 0 {
		return "", false
	}
	return f.chains[0].contract.Token, true
}

func (f *fake) Contracts() (infos []chain.Info) {
	for _, fc := range f.chains {
		info, _ := f.Contract(fc.contract.Token)
		infos = append(infos, info)
	}
	return infos
}

func (f *fake) Contract(token string) (chain.Info, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fc := f.find(token)
	if fc == nil {
		return chain.Info{}, chain.ContractUnknown
	}
	return chain.Info{
		Contract: fc.contract, ID: chain.HashBytes(fc.blocks[0]), Length: uint64(len(fc.blocks)),
		Tip: chain.HashBytes(fc.blocks[len(fc.blocks)-1]), TipTimestamp: 1_700_000_000_500_000,
		Records: uint64(len(fc.outcomes)), Pending: len(fc.pending), OpenHolds: len(fc.holds),
	}, nil
}

func (f *fake) Block(token string, index uint64) ([]byte, chain.Hash, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fc := f.find(token)
	if index < 1 || index > uint64(len(fc.blocks)) {
		return nil, chain.Hash{}, fmt.Errorf("%w: there is no block %d", chain.NotFound, index)
	}
	b := fc.blocks[index-1]
	return b, chain.HashBytes(b), nil
}

func (f *fake) Blocks(token string, from, limit uint64, yield func(uint64, []byte) error) error {
	f.mu.Lock()
	blocks := f.find(token).blocks // which never change
	f.mu.Unlock()
	for i := from; i <= uint64(len(blocks)) && (limit == 0 || i < from+limit); i++ {
		if err := yield(i, blocks[i-1]); err != nil {
			return err
		}
	}
	return nil
}

func (f *fake) Account(token, name string) (chain.Account, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return chain.Account{Balance: f.find(token).balances[name], Wallet: f.find(token).wallets[name]}, nil
}

func (f *fake) Transaction(token string, id chain.ID) (chain.Outcome, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	o, ok := f.find(token).outcomes[id]
	if !ok {
		return o, chain.NotFound
	}
	return o, nil
}

func (f *fake) Nodes(after string, limit int) ([]string, int) {
	return f.nodes.Page(after, limit), f.nodes.Len()
}

func (f *fake) AppliedIndex() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied - f.lag
}

func (f *fake) Time(string) chain.Micros { return f.clock }

func (f *fake) Hold(token string, id chain.ID) (chain.HoldState, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	h, ok := f.find(token).holds[id]
	if !ok {
		return h, chain.NotFound
	}
	return h, nil
}

// OpenHolds is what a store does, the slow way.
func (f *fake) OpenHolds(token string, q chain.HoldQuery) (page chain.HoldPage, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	holds := f.find(token).holds
	after, known := holds[q.After]
	if !known && !q.After.IsZero() {
		return page, chain.ErrBeyond
	}
	order := func(a, b chain.OpenHold) int {
		return cmp.Or(cmp.Compare(a.Until, b.Until), bytes.Compare(a.ID[:], b.ID[:]))
	}
	for id, h := range holds {
		at := chain.OpenHold{ID: id, HoldState: h}
		party := map[chain.HoldRole]string{chain.HoldRecipient: h.Recipient, chain.HoldSender: h.Sender}[q.Role]
		if h.Ended == "" && party == q.Account && order(at, chain.OpenHold{ID: q.After, HoldState: after}) > 0 {
			page.Holds = append(page.Holds, at)
		}
	}
	slices.SortFunc(page.Holds, order)
	page.More = len(page.Holds) > q.Limit
	page.Holds = page.Holds[:min(q.Limit, len(page.Holds))]
	return page, nil
}

// History answers with f.history whatever is asked, and notes the question.
func (f *fake) History(token, account string, q chain.HistoryQuery) (chain.HistoryPage, error) {
	f.asked = q
	if q.After == "bad" {
		return chain.HistoryPage{}, chain.InvalidField
	}
	if block, ok := strings.CutPrefix(q.After+q.Before, "block"); ok {
		f.mu.Lock()
		defer f.mu.Unlock()
		if n, err := strconv.Atoi(block); err != nil || n > len(f.find(token).blocks) {
			return chain.HistoryPage{}, chain.ErrBeyond
		}
	}
	return f.history, nil
}

func (f *fake) WaitBlock(ctx context.Context, token string, index uint64) error {
	for {
		f.mu.Lock()
		grown, length := f.grown, uint64(len(f.find(token).blocks))
		f.mu.Unlock()
		if length >= index {
			return nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (f *fake) Barrier(ctx context.Context) error { return f.WaitApplied(ctx, f.applied) }

func (f *fake) WaitApplied(ctx context.Context, index uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stuck || index > f.applied {
		return context.DeadlineExceeded
	}
	f.lag = 0
	return nil
}

func (f *fake) Ready() error                { return f.err }
func (f *fake) Busy(int) error              { return f.busy }
func (f *fake) LastContact() time.Duration  { return 12 * time.Millisecond }
func (f *fake) Leader() (id string, _ bool) { return "n1", true }
func (f *fake) Now() (int64, bool)          { return f.now, f.now != 0 }
func (f *fake) IsLeader() bool              { return !f.follower }

func (f *fake) Cluster() ClusterStatus {
	return ClusterStatus{ID: "n1", Leader: "n1", Term: 3, Members: []MemberStatus{
		{ID: "n1", Voter: true, Raft: "127.0.0.1:6000", API: "http://127.0.0.1:5000", Role: "leader", Term: 3, Applied: 9, Commit: 9, Last: 9, Ready: true, NotSigning: "it has no key"},
	}}
}

func (f *fake) Addresses() []string { return []string{"http://127.0.0.1:5000"} }

// ClusterEvents has three.
func (f *fake) ClusterEvents(after uint64, limit int) ClusterEvents {
	page := ClusterEvents{Member: "n1", Began: time.Unix(1_800_000_000, 0).UTC()}
	for n := after + 1; n <= 3 && len(page.Items) < limit; n++ {
		page.Items = append(page.Items, ClusterEvent{Number: n, Time: page.Began.Add(time.Duration(n) * time.Second), Kind: "leader", Term: n, Member: "n1", Text: "n1 leads"})
	}
	if last := after + uint64(len(page.Items)); last < 3 {
		page.Next = last
	}
	return page
}

// newHandler serves a fake with the default configuration.
func newHandler(t testing.TB, f *fake) http.Handler {
	t.Helper()
	return newHandlerWith(t, DefaultConfig(), f)
}

func newHandlerWith(t testing.TB, cfg Config, f *fake) http.Handler {
	t.Helper()
	cfg.Hosts = append(cfg.Hosts, "example.com") // what httptest calls every server
	h, err := New(cfg, f, f, f, f)
	require.NoError(t, err)
	return conforming(t, h)
}

// call sends one request. extra is header names and values in turn.
func call(h http.Handler, method, target, body string, extra ...string) *httptest.ResponseRecorder {
	return callAs(h, func(*http.Request) {}, method, target, body, extra...)
}

// callAs sends a request of this machine that somebody else has changed.
func callAs(h http.Handler, change func(r *http.Request), method, target, body string, extra ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, target, strings.NewReader(body))
	r.Host, r.RemoteAddr = "localhost:5000", "127.0.0.1:40000"
	for i := 0; i+1 < len(extra); i += 2 {
		if extra[i] == "Host" {
			r.Host = extra[i+1]
			continue
		}
		r.Header.Set(extra[i], extra[i+1])
	}
	change(r)
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	return rec
}
