package fsm

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// model is the ledger as one would write it in an afternoon: maps, no store,
// no blocks, no replication.
type model struct {
	contract chain.Contract
	balances map[string]chain.Amount
	decided  map[chain.ID]decision
	burned   chain.Amount
	fees     chain.Amount
}

type decision struct {
	tx      chain.Transaction
	refused chain.Code
}

func newModel(c chain.Contract) *model {
	m := &model{contract: c, balances: map[string]chain.Amount{}, decided: map[chain.ID]decision{}}
	if c.Supply > 0 {
		m.balances[c.Issuer] = c.Supply
	}
	return m
}

// submit returns the code of the expected refusal and whether it is a replay.
func (m *model) submit(t chain.Transaction) (refused chain.Code, replay bool) {
	if d, known := m.decided[t.ID]; known {
		if d.tx != t {
			return chain.IDReused, false
		}
		return d.refused, true
	}
	product := new(big.Int).Mul(big.NewInt(int64(t.Amount)), big.NewInt(m.contract.FeePPM))
	fee := product.Add(product, big.NewInt(999_999)).Div(product, big.NewInt(1_000_000)).Int64()
	rest := t.Amount - chain.Amount(fee)
	if rest < 1 {
		return chain.AmountTooSmall, false
	}
	changed := map[string]chain.Amount{t.Sender: 0, t.Recipient: 0}
	changed[t.Sender] -= t.Amount
	changed[t.Recipient] += rest
	if m.contract.Fees == chain.HoldFees {
		changed[m.contract.BPSC] += chain.Amount(fee)
	}
	if m.burned+m.fees+chain.Amount(fee) > chain.MaxUnits {
		refused = chain.TotalOutOfRange
	}
	for name, delta := range changed {
		if refused != "" {
			break
		}
		if b := m.balances[name] + delta; b > chain.MaxUnits || b < -chain.MaxUnits {
			refused = chain.BalanceOutOfRange
		}
	}
	m.decided[t.ID] = decision{t, refused}
	if refused != "" {
		return refused, false
	}
	for name, delta := range changed {
		m.balances[name] += delta
	}
	if m.contract.Fees == chain.BurnFees {
		m.burned += chain.Amount(fee)
	} else {
		m.fees += chain.Amount(fee)
	}
	return "", false
}

// step is one moment: requests that arrive together.
type step struct {
	micros   chain.Micros
	requests []command.Request
}

var contracts = []string{
	`{"token":"aka","wallets":"open"}`,
	`{"token":"count","wallets":"open","fees":"burn","fee_ppm":300000,"schedule":{"transactions":3}}`,
	`{"token":"time","wallets":"open","decimals":0,"supply":"1000","issuer":"w1","schedule":{"every":"2s"}}`,
	`{"token":"both","wallets":"open","decimals":9,"fee_ppm":0,"schedule":{"every":1,"transactions":2,"empty":false}}`,
	`{"token":"one","wallets":"open","schedule":{"transactions":1},"on_request":false}`,
}

func drawTransaction(t *rapid.T) chain.Transaction {
	name := rapid.SampledFrom([]string{"w1", "w2", "w3", "ünï\x00code", chain.OpenBPSC})
	amount := rapid.OneOf(rapid.Int64Range(1, 100), rapid.Int64Range(1, int64(chain.MaxUnits)),
		rapid.Int64Range(int64(chain.MaxUnits)-2, int64(chain.MaxUnits)))
	return chain.Transaction{
		ID:        chain.DeriveID([]byte{byte(rapid.IntRange(0, 200).Draw(t, "id"))}),
		Sender:    name.Draw(t, "sender"),
		Recipient: name.Draw(t, "recipient"),
		Amount:    chain.Amount(amount.Draw(t, "amount")),
		Memo:      rapid.SampledFrom([]string{"", "", "memo \"x\"\n"}).Draw(t, "memo"),
	}
}

func drawSteps(t *rapid.T) []step {
	tokens := []string{"aka", "count", "time", "both", "one"}
	now := chain.Micros(1_800_000_000 * second)
	create := step{micros: now}
	for _, c := range contracts {
		create.requests = append(create.requests, &command.Create{Contract: []byte(c)})
	}
	steps := []step{create}
	for range rapid.IntRange(1, 25).Draw(t, "steps") {
		now += chain.Micros(rapid.Int64Range(-second, 5*second).Draw(t, "pass"))
		s := step{micros: now}
		for range rapid.IntRange(0, 4).Draw(t, "requests") {
			token := rapid.SampledFrom(tokens).Draw(t, "token")
			if rapid.IntRange(0, 5).Draw(t, "what") == 0 {
				s.requests = append(s.requests, &command.Produce{Token: token})
				continue
			}
			txs := rapid.SliceOfN(rapid.Custom(drawTransaction), 1, 6).Draw(t, "txs")
			s.requests = append(s.requests, submitRequest(token, txs...))
		}
		steps = append(steps, s)
	}
	return steps
}

// expect compares a machine's answers to a step with the models'.
func expect(t require.TestingT, models map[string]*model, s step, answers []command.Answer) {
	for i, q := range s.requests {
		switch q := q.(type) {
		case *command.Create:
			c, err := chain.DecodeContract(q.Contract)
			require.NoError(t, err)
			models[c.Token] = newModel(c)
			require.Empty(t, answers[i].Refused)
		case *command.Produce:
			if q.Token == "one" {
				require.Equal(t, chain.OnRequestDisabled, answers[i].Refused)
			} else {
				require.Empty(t, answers[i].Refused)
			}
		case *command.Submit:
			for j, tx := range q.Transactions {
				refused, replay := models[q.Token].submit(tx)
				got := answers[i].Outcomes[j]
				require.Equal(t, refused, got.Refused)
				require.Equal(t, replay, got.Replay)
			}
		}
	}
}

func TestEveryReplicaComesToTheModelsLedger(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	t.Parallel() // one of the two that take longest
	rapid.Check(t, func(t *rapid.T) {
		steps := drawSteps(t)
		calm := newReplica(t)
		tried := newReplica(t)
		models := map[string]*model{}
		for _, s := range steps {
			expect(t, models, s, calm.apply(s))
			// The same requests at the same time, cut into entries elsewhere.
			for len(s.requests) > 0 {
				n := rapid.IntRange(1, len(s.requests)).Draw(t, "cut")
				tried.apply(step{s.micros, s.requests[:n]})
				s.requests = s.requests[n:]
				tried.disturb(t)
			}
			tried.apply(step{micros: s.micros}) // a tick changes nothing more
		}
		end := step{micros: steps[len(steps)-1].micros}
		for _, token := range []string{"aka", "count", "time", "both"} { // whose digest says what has been refused since
			end.requests = append(end.requests, &command.Produce{Token: token})
		}
		expect(t, models, end, calm.apply(end))
		tried.apply(end)
		for token, m := range models {
			require.Equal(t, mustInfo(t, calm.store, token), mustInfo(t, tried.store, token))
			compareWithModel(t, calm.store, token, m)
			auditChain(t, tried.store, token)
			replayPast(t, tried.store, token, func() bool { return rapid.IntRange(0, 3).Draw(t, "skip") > 0 })
		}
		requireSameContents(t, calm.contents(), tried.contents())
		require.NoError(t, calm.store.Close())
		require.NoError(t, tried.store.Close())
	})
}

func mustInfo(t require.TestingT, s *store.Store, token string) chain.Info {
	info, err := s.Contract(token)
	require.NoError(t, err)
	return info
}

func compareWithModel(t require.TestingT, s *store.Store, token string, m *model) {
	var sum chain.Amount
	for name, balance := range m.balances {
		a, err := s.Account(token, name)
		require.NoError(t, err)
		require.Equal(t, balance, a.Balance, "%s of %s", name, token)
		sum += balance
	}
	info := mustInfo(t, s, token)
	require.Equal(t, chain.Totals{Issued: m.contract.Supply, Burned: m.burned, Fees: m.fees}, info.Totals)
	require.Equal(t, info.Totals.Issued, sum+info.Totals.Burned)
	final := uint64(0)
	for id, d := range m.decided {
		out, err := s.Transaction(token, id)
		require.NoError(t, err)
		require.Equal(t, d.refused, out.Refused)
		if d.refused == "" {
			final++
			require.Equal(t, d.tx.Amount, out.Record.AmountSend)
		}
	}
	require.Equal(t, info.Records, final)
}

func auditChain(t require.TestingT, s *store.Store, token string) {
	a := NewAuditor()
	require.NoError(t, s.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		_, err := a.Next(canonical)
		return err
	}))
	require.Equal(t, mustInfo(t, s, token).Tip, a.Verifier.Tip())
}
