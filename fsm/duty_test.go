package fsm

import (
	"crypto/ed25519"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// duty is what a cluster leaves undone, and what auditors and followers, and
// what the independent verifier, say of its chain.
type duty struct {
	options      string
	neglect      func(n *negligent)
	says, verify string
}

const (
	notReturned = "has not been given back"
	notProduced = "a block by time was due"
)

func TestAClusterThatNeglectsItsDutiesIsNamed(t *testing.T) {
	zero, limit, more := chain.Amount(0), chain.Amount(1_000), chain.Amount(5_000)
	frozen, closed := true, chain.ReceiveClosed
	for name, d := range map[string]duty{
		"an expired hold never goes back": {"", func(n *negligent) {
			n.holds(0, 30)
			n.produces(31, chain.ByRequest)
		}, notReturned, notReturned},
		"nor in a chain with blocks by time": {`,"schedule":{"every":"1m"}`, func(n *negligent) {
			n.holds(0, 30)
			n.produces(60, chain.ByTime)
		}, notReturned, notReturned},
		"nor in the next block": {"", func(n *negligent) {
			n.holds(0, 30)
			n.produces(10, chain.ByRequest)
			n.produces(30, chain.ByRequest)
		}, notReturned, notReturned},
		"nor in one by count": {`,"schedule":{"transactions":2}`, func(n *negligent) {
			n.holds(0, 30)
			n.transfers(30)
		}, notReturned, notReturned},
		"one goes back after what was asked for later": {"", func(n *negligent) {
			id := n.holds(0, 30)
			n.transfers(30)
			n.givesBack(30, id)
			n.produces(30, chain.ByRequest)
		}, notReturned, notReturned},
		"one goes back after a block at its time": {"", func(n *negligent) {
			id := n.holds(0, 30)
			n.produces(30, chain.ByRequest)
			n.givesBack(30, id)
			n.produces(31, chain.ByRequest)
		}, notReturned, notReturned},
		"of two that expired one goes back later": {"", func(n *negligent) {
			first, then := n.holds(0, 30), n.holds(0, 31)
			n.givesBack(32, first)
			n.givesBack(33, then)
			n.produces(33, chain.ByRequest)
		}, notReturned, notReturned},
		"of two that expired the later goes back first": {"", func(n *negligent) {
			first, then := n.holds(0, 30), n.holds(0, 31)
			n.givesBack(32, then)
			n.givesBack(32, first)
			n.produces(33, chain.ByRequest)
		}, "goes back before", "is given back before"},
		"one goes back before it expired": {"", func(n *negligent) {
			n.givesBack(29, n.holds(0, 30))
			n.produces(33, chain.ByRequest)
		}, "has expired", "it waits until"},
		"one is accepted when it has expired": {"", func(n *negligent) {
			id := n.holds(0, 30)
			n.writes(30, n.people[1], 0, chain.Transaction{Kind: chain.Accept, Hold: id}, func(r *chain.Record) {
				*r = chain.Record{Kind: chain.Delivery, ID: r.ID, Sender: n.issuer.address, Recipient: n.people[1].address, Hold: id,
					BPSC: n.c.BPSC, AmountSend: 10_000, AmountBPSC: 1, AmountReceive: 9_999, Time: r.Time, Request: chain.Accept, Auth: r.Auth}
			})
			n.produces(33, chain.ByRequest)
		}, notReturned, notReturned},

		"a block by time comes after later records": {`,"schedule":{"every":"1m"}`, func(n *negligent) {
			n.transfers(60)
			n.produces(61, chain.ByTime)
		}, notProduced, notProduced},
		"and where empty ones are not wanted": {`,"schedule":{"every":"1m","empty":false}`, func(n *negligent) {
			n.transfers(100)
			n.transfers(160)
			n.produces(161, chain.ByTime)
		}, notProduced, notProduced},
		"a block by time comes early, for the record that waits is young": {`,"schedule":{"every":"1m","empty":false}`, func(n *negligent) {
			n.transfers(100)
			n.produces(159, chain.ByTime)
		}, `no block by "time"`, "before it was due"},
		"a block on request comes when one by time was due": {`,"schedule":{"every":"1m"}`, func(n *negligent) {
			n.produces(60, chain.ByRequest)
		}, notProduced, notProduced},
		"and where empty ones are not wanted, with a record that waits": {`,"schedule":{"every":"1m","empty":false}`, func(n *negligent) {
			n.transfers(100)
			n.produces(160, chain.ByRequest)
		}, notProduced, notProduced},
		"a block by count comes when one by time was due": {`,"schedule":{"every":"1m","transactions":2}`, func(n *negligent) {
			n.transfers(10)
			n.transfers(60)
		}, notProduced, notProduced},
		"a refund stands at a time at which a block was due, and no block": {`,"schedule":{"every":"1m"}`, func(n *negligent) {
			n.givesBack(61, n.holds(0, 30))
			n.produces(62, chain.ByTime)
		}, notProduced, notProduced},
		"a full block is kept back": {`,"schedule":{"transactions":2},"on_request":false`, func(n *negligent) {
			n.transfers(10)
			n.does(20, func(tx *store.Tx, h *store.Head) error {
				h.Contract.Schedule.Transactions = 3
				return nil
			})
			n.transfers(20)
			n.produces(30, chain.ByCount)
		}, "produced at another", "and produced at"},
		"a block of more than the count": {`,"schedule":{"transactions":2}`, func(n *negligent) {
			n.transfers(10)
			n.does(20, func(tx *store.Tx, h *store.Head) error {
				h.Contract.Schedule.Transactions = 9
				return nil
			})
			n.transfers(20)
			n.transfers(20)
			n.produces(20, chain.ByRequest)
		}, "by count at 2", "more than a block may hold"},
		"a block on request where the contract has none": {`,"schedule":{"transactions":2},"on_request":false`, func(n *negligent) {
			n.transfers(10)
			n.produces(20, chain.ByRequest)
		}, `no block by "request"`, "which the contract does not allow"},
		"a block by size that has room": {"", func(n *negligent) {
			n.transfers(10)
			n.produces(20, chain.BySize)
		}, `no block by "size"`, "produced by size"},
		"an empty block where none is wanted": {`,"schedule":{"every":"1m","empty":false}`, func(n *negligent) {
			n.produces(200, chain.ByTime)
		}, `no block by "time"`, "empty"},

		"a loosened limit counts at once": {"", func(n *negligent) {
			n.decides(0, n.issuer, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{PerTransfer: &limit}})
			n.decides(1, n.issuer, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{PerTransfer: &more}})
			n.writes(2, n.issuer, 0, n.transferOf(2_000), nil)
			n.produces(3, chain.ByRequest)
		}, "limit_per_transfer", "at most 1000 at once"},
		"a limit that was taken away": {"", func(n *negligent) {
			n.decides(0, n.issuer, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{PerTransfer: &limit}})
			n.decides(1, n.issuer, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{PerTransfer: &zero}})
			n.writes(2*3600, n.issuer, 0, n.transferOf(2_000), nil)
			n.produces(2*3600, chain.ByRequest)
		}, "limit_per_transfer", "at most 1000 at once"},
		"more on a day than the limit": {"", func(n *negligent) {
			n.decides(0, n.issuer, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{PerDay: &limit}})
			n.decides(1, n.issuer, n.transferOf(600))
			n.writes(2, n.issuer, 0, n.transferOf(600), nil)
			n.produces(3, chain.ByRequest)
		}, "limit_per_day", "on a day"},
		"from a frozen wallet": {"", func(n *negligent) {
			n.decides(0, n.issuer, n.transferOf(5_000))
			n.decides(1, n.issuer, chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{Account: n.people[1].address, Frozen: &frozen}})
			n.writes(2, n.people[1], 0, chain.Transaction{Kind: chain.Transfer, Recipient: n.people[2].address, Amount: 100}, nil)
			n.produces(3, chain.ByRequest)
		}, "account_frozen", "is frozen"},
		"to a wallet that is closed": {"", func(n *negligent) {
			n.decides(0, n.people[1], chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{Receive: &closed}})
			n.writes(2, n.issuer, 0, n.transferOf(100), nil)
			n.produces(3, chain.ByRequest)
		}, "another record", "its wallet gives"},
		"by a key that was rotated out": {"", func(n *negligent) {
			n.decides(0, n.issuer, n.transferOf(5_000))
			key := publicKey(ed25519.NewKeyFromSeed(make([]byte, 32)))
			n.decides(1, n.people[1], chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{NewKey: &key}})
			n.writes(2, n.people[1], 0, chain.Transaction{Kind: chain.Transfer, Recipient: n.people[2].address, Amount: 100}, nil)
			n.produces(3, chain.ByRequest)
		}, "key_wrong", "is not that of"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNegligent(t, d.options)
			d.neglect(n)
			complaints := checkers(t, blocksOf(t, n.store, "aka"))
			require.ErrorContains(t, complaints["auditor"], d.says)
			require.ErrorIs(t, complaints["auditor"], chain.ErrInvalid)
			require.ErrorContains(t, complaints["follower"], d.says)
			require.ErrorIs(t, complaints["follower"], chain.ErrInvalid)
			require.ErrorContains(t, complaints["verify"], d.verify)
		})
	}
}

// What a cluster does that keeps its duties at the narrowest passes.
func TestDutiesDoneAtTheLastMomentPass(t *testing.T) {
	for name, d := range map[string]struct {
		options string
		does    func(n *negligent)
	}{
		"refunds that fill blocks by count": {`,"schedule":{"transactions":2,"every":"1m"}`, func(n *negligent) {
			for range 5 {
				n.holds(0, 30)
			}
			n.ticks(90)
		}},
		"a refund and a block by time at once": {`,"schedule":{"every":"1m"}`, func(n *negligent) {
			n.holds(0, 60)
			n.transfers(59.999999)
			n.ticks(60)
		}},
		"refunds and then a record": {`,"schedule":{"every":"1m","empty":false}`, func(n *negligent) {
			n.transfers(10)
			n.holds(10, 30)
			n.ticks(30)
			n.transfers(30)
			n.ticks(70)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNegligent(t, d.options)
			d.does(n)
			blocks := blocksOf(t, n.store, "aka")
			require.Greater(t, len(blocks), 1)
			require.Empty(t, checkers(t, blocks))
		})
	}
}
