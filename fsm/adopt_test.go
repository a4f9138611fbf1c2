package fsm

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// spoil is a way to make a good block a bad one that is good by itself.
type spoil struct {
	how  func(b *chain.Block)
	says string
}

// reroot makes the root of a changed block right again.
func reroot(b *chain.Block, decimals int) {
	var root chain.RootBuilder
	for i := range b.Records {
		root.Add(chain.AppendRecord(nil, &b.Records[i], decimals))
	}
	b.Root = root.Root()
}

// requireRefused spoils the last of a chain's blocks in each of the ways, and
// offers the bad one in its place: alone, and behind a good one.
func requireRefused(t *testing.T, blocks [][]byte, cases map[string]spoil) {
	last := len(blocks) - 1
	first, err := chain.CheckBlock(blocks[0], nil, chain.Hash{})
	require.NoError(t, err)
	c := first.Block.Contract
	for name, spoil := range cases {
		t.Run(name, func(t *testing.T) {
			bad, err := chain.DecodeBlock(blocks[last], c.Decimals)
			require.NoError(t, err)
			spoil.how(bad)
			reroot(bad, c.Decimals)
			for _, before := range []int{last, last - 1} { // how many blocks the store has
				r := newFollowerRig(t)
				_, err = r.Adopt("aka", r.check("aka", blocks[:before]))
				require.NoError(t, err)
				offer := r.check("aka", append(blocks[before:last:last], bad.Append(nil, c.Decimals)))
				adopted, err := r.Adopt("aka", offer)
				require.ErrorIs(t, err, chain.ErrInvalid)
				require.ErrorContains(t, err, spoil.says)
				require.ErrorContains(t, err, "block ")
				require.Equal(t, last-before, adopted)

				untouched := newFollowerRig(t)
				_, err = untouched.Adopt("aka", untouched.check("aka", blocks[:last]))
				require.NoError(t, err)
				requireSame(t, untouched.store, r.store, "aka")
				for i := range bad.Records {
					want, wantErr := untouched.store.Transaction("aka", bad.Records[i].ID)
					got, err := r.store.Transaction("aka", bad.Records[i].ID)
					require.Equal(t, wantErr, err)
					got.AppliedIndex = want.AppliedIndex
					require.Equal(t, want, got)
					for _, account := range []string{bad.Records[i].Sender, bad.Records[i].Recipient} {
						want, err := untouched.store.Account("aka", account)
						require.NoError(t, err)
						got, err := r.store.Account("aka", account)
						require.NoError(t, err)
						require.Equal(t, want, got)
					}
				}
				require.NoError(t, untouched.store.Close())

				_, err = r.Adopt("aka", r.check("aka", blocks[last:]))
				require.NoError(t, err, "the good block in its place")
				require.Equal(t, blocks, blocksOf(t, r.store, "aka"))
				require.NoError(t, r.store.Close())
			}
		})
	}
}

func TestABadBlockOfAnOpenChainLeavesNoTrace(t *testing.T) {
	r := newRig(t)
	require.Empty(t, r.create(`{"token":"aka","wallets":"open","supply":"5","issuer":"w1","schedule":{"every":"1m","empty":true}}`).Refused)
	for i, names := range []string{"ab", "cd"} {
		r.now += second
		for _, from := range names {
			r.send(string(from)+"1", string(from), "shop", chain.Amount(1_000_000*(i+1)))
			r.send(string(from)+"2", string(from), "shop", 3_000_000)
		}
		require.NotZero(t, r.apply(&command.Produce{Token: "aka"})[0].Block)
	}
	blocks := blocksOf(t, r.store, "aka")
	early, err := chain.DecodeBlock(blocks[1], 6)
	require.NoError(t, err)
	send := func(b *chain.Block, i int, send chain.Amount) {
		fee := chain.Fee(send, 50)
		b.Records[i].AmountSend, b.Records[i].AmountBPSC, b.Records[i].AmountReceive = send, fee, send-fee
	}
	requireRefused(t, blocks, map[string]spoil{
		"an id of an earlier block":     {func(b *chain.Block) { b.Records[2].ID = early.Records[1].ID }, "stands twice"},
		"an id twice in the block":      {func(b *chain.Block) { b.Records[3].ID = b.Records[0].ID }, "stands twice"},
		"fees that nobody paid":         {func(b *chain.Block) { b.Totals.Fees++ }, "totals"},
		"tokens issued by nobody":       {func(b *chain.Block) { b.Totals.Issued++ }, "totals"},
		"more sent than the totals say": {func(b *chain.Block) { send(b, 0, 7_000_000) }, "totals"},
		"a balance beyond its range":    {func(b *chain.Block) { send(b, 0, chain.MaxUnits); send(b, 1, chain.MaxUnits) }, "balance_out_of_range"},
		"a link to another block":       {func(b *chain.Block) { b.PreviousHash = strings.Repeat("0", 64) }, "previous_hash"},
		"a block left out":              {func(b *chain.Block) { b.Index++ }, "index"},
		"time that goes back":           {func(b *chain.Block) { b.Timestamp = early.Timestamp - 1 }, "goes back"},
		"a block before its time":       {func(b *chain.Block) { b.Trigger = chain.ByTime }, "no block by \"time\""},
		"a block by no count":           {func(b *chain.Block) { b.Trigger = chain.ByCount }, "no block by \"count\""},
	})
}

func TestABadBlockOfASignedChainLeavesNoTrace(t *testing.T) {
	w := newTown(`,"schedule":{"every":"10m","empty":true}`, true)
	r := newRig(t)
	require.Empty(t, r.create(w.contract).Refused)
	w.chainID = mustInfo(t, r.store, "aka").ID
	treasurer, closed, poor, rich := w.people[0], w.people[1], w.people[2], w.issuer
	submit := func(who *person, tx chain.Transaction) chain.ID {
		signed := w.finish(&tx, who, 0, r.now.Seconds()+3600)
		require.Empty(t, r.apply(submitRequest("aka", signed))[0].Outcomes[0].Refused)
		return signed.ID
	}
	produceNow := func() { require.NotZero(t, r.apply(&command.Produce{Token: "aka"})[0].Block) }
	hold := func(to *person, seconds chain.Seconds) chain.ID {
		return submit(rich, chain.Transaction{Kind: chain.Hold, Recipient: to.address, Amount: 10_000, HoldUntil: r.now.Seconds() + seconds})
	}
	shut := chain.ReceiveClosed
	submit(rich, chain.Transaction{Kind: chain.Transfer, Recipient: treasurer.address, Amount: 1_000_000})
	submit(closed, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{Receive: &shut}})
	taken, _ := hold(poor, 3600), hold(poor, 30)
	produceNow()
	r.now += 20 * second
	submit(rich, chain.Transaction{Kind: chain.Transfer, Recipient: closed.address, Amount: 700}) // 0: comes back
	submit(poor, chain.Transaction{Kind: chain.Accept, Hold: taken})                              // 1
	submit(rich, chain.Transaction{Kind: chain.Transfer, Recipient: poor.address, Amount: 500})   // 2
	r.now += 20 * second
	r.apply(&command.Produce{Token: "aka"}) // 3: the other hold goes back first
	blocks := blocksOf(t, r.store, "aka")
	good, err := chain.DecodeBlock(blocks[2], 2)
	require.NoError(t, err)
	require.Equal(t, []chain.Kind{chain.Refund, chain.Delivery, chain.Transfer, chain.Refund},
		[]chain.Kind{good.Records[0].Kind, good.Records[1].Kind, good.Records[2].Kind, good.Records[3].Kind})
	early, err := chain.DecodeBlock(blocks[1], 2)
	require.NoError(t, err)

	overdraft := w.finish(&chain.Transaction{Kind: chain.Transfer, Recipient: rich.address, Amount: 900_000}, poor, 0, r.now.Seconds()+60)
	byTreasurer := w.finish(&chain.Transaction{Kind: chain.Burn, Amount: 1_000}, treasurer, 0, r.now.Seconds()+60)
	byStranger := w.finish(&chain.Transaction{Kind: chain.Issue, Recipient: poor.address, Amount: 1_000}, poor, 0, r.now.Seconds()+60)
	late := w.finish(&chain.Transaction{Kind: chain.Transfer, Recipient: poor.address, Amount: 500}, rich, 0, r.now.Seconds()-1)
	also := func(record chain.Record) func(b *chain.Block) {
		record.Time = good.Timestamp
		return func(b *chain.Block) { b.Records = append(b.Records, record) }
	}
	transferOf := func(tx chain.Transaction) chain.Record {
		record, err := chain.NewTransfer(w.c, &tx)
		require.NoError(t, err)
		return record
	}
	requireRefused(t, blocks, map[string]spoil{
		"an overdraft":          {also(transferOf(overdraft)), "insufficient_funds"},
		"one that is too late":  {also(transferOf(late)), "expired"},
		"a record once more":    {also(good.Records[2]), "stands twice"},
		"one of a block before": {also(early.Records[0]), "stands twice"},
		"a delivery to a closed wallet": {func(b *chain.Block) {
			r := &b.Records[0]
			fee := chain.Fee(700, w.c.FeePPM)
			*r = chain.Record{Kind: chain.Transfer, ID: r.ID, BPSC: w.c.BPSC, Sender: r.Sender, Recipient: r.Recipient,
				AmountSend: 700, AmountBPSC: fee, AmountReceive: 700 - fee, Time: r.Time, Auth: r.Auth}
		}, "another record"},
		"an open wallet's transfer sent back": {func(b *chain.Block) {
			r := &b.Records[2]
			*r = chain.Record{Kind: chain.Refund, Request: chain.Transfer, ID: r.ID, Sender: r.Sender, Recipient: r.Recipient,
				AmountRefund: 500, Reason: chain.WalletClosed, Time: r.Time, Auth: r.Auth}
		}, "another record"},
		"another reason":                       {func(b *chain.Block) { b.Records[0].Reason = chain.WalletFrozen }, "another record"},
		"a hold given back before time":        {func(b *chain.Block) { b.Records[3].Time = b.Records[2].Time; b.Timestamp = early.Timestamp + 25*second }, "no hold"},
		"too much given back":                  {func(b *chain.Block) { b.Records[3].AmountRefund++ }, "another record"},
		"a hold given back to another":         {func(b *chain.Block) { b.Records[3].Sender = poor.address }, "another record"},
		"fees burned that nobody paid":         {also(chain.Record{Kind: chain.Burn, ID: byTreasurer.ID, BPSC: w.c.BPSC, Sender: treasurer.address, Amount: 1_000, Auth: byTreasurer.Auth}), "insufficient_fees"},
		"tokens issued by a stranger":          {also(chain.Record{Kind: chain.Issue, ID: byStranger.ID, Sender: poor.address, Recipient: poor.address, Amount: 1_000, Auth: byStranger.Auth}), "not_issuer"},
		"more held than there is":              {func(b *chain.Block) { b.Totals.Held++ }, "totals"},
		"a record older than the block before": {func(b *chain.Block) { b.Records[0].Time = early.Timestamp - 1 }, "its time is not between"},
	})
}

func TestAChainBeginsWithItsOwnGenesis(t *testing.T) {
	member := func(contract string) [][]byte {
		r := newRig(t)
		require.Empty(t, r.create(contract).Refused)
		r.send("k", "a", "b", 1_000_000)
		r.apply(&command.Produce{Token: "aka"})
		return blocksOf(t, r.store, "aka")
	}
	ours, others := member(`{"token":"aka","wallets":"open"}`), member(`{"token":"aka","wallets":"open","fee_ppm":60}`)
	r := newFollowerRig(t)
	checked, foreign := r.check("aka", ours), r.check("aka", others)
	refused := func(token string, blocks []chain.Checked, says string) {
		t.Helper()
		adopted, err := r.Adopt(token, blocks)
		require.Zero(t, adopted)
		require.ErrorIs(t, err, chain.ErrInvalid)
		require.ErrorContains(t, err, says)
	}
	refused("aka", checked[1:], "index is 2, expected 1")
	refused("other", checked, "it begins a chain of \"aka\", not \"other\"")
	require.Empty(t, r.store.Contracts())
	n, err := r.Adopt("aka", checked[:1])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	refused("aka", foreign, "index is 1, expected 2")
	refused("aka", foreign[1:], "it was checked as a block of another chain")
	n, err = r.Adopt("aka", checked[1:])
	require.NoError(t, err)
	require.Equal(t, 1, n)
	refused("aka", checked[1:], "index is 2, expected 3")
	require.Equal(t, ours, blocksOf(t, r.store, "aka"))

	require.NoError(t, r.store.Close())
	_, err = r.Adopt("aka", checked)
	require.ErrorIs(t, err, store.ErrClosed)
	require.NotErrorIs(t, err, chain.ErrInvalid)
}

func TestLongRunsOfBlocksAreShared(t *testing.T) {
	of := func(records ...int) (blocks []chain.Checked) {
		for _, n := range records {
			blocks = append(blocks, chain.Checked{Block: &chain.Block{Records: make([]chain.Record, n)}})
		}
		return blocks
	}
	for _, c := range []struct {
		records []int
		share   int
	}{
		{[]int{0, 0, 5}, 3},
		{[]int{maxAdoptRecords, 0, 1}, 2},
		{[]int{maxAdoptRecords - 1, 1, 1}, 2},
		{[]int{1, maxAdoptRecords}, 1},
		{[]int{maxAdoptRecords + 1, 0}, 1},
	} {
		require.Equal(t, c.share, share(of(c.records...)), "%v", c.records)
	}
}
