package fsm

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// person is somebody with keys; the first is the one the address is made from.
type person struct {
	address string
	keys    []ed25519.PrivateKey
}

func newPerson(name string) *person {
	seed := sha256.Sum256([]byte(name))
	p := &person{keys: []ed25519.PrivateKey{ed25519.NewKeyFromSeed(seed[:])}}
	p.address = publicKey(p.keys[0]).Address()
	return p
}

func publicKey(k ed25519.PrivateKey) (key chain.PublicKey) {
	copy(key[:], k.Public().(ed25519.PublicKey))
	return key
}

// town is a signed contract and the people in it.
type town struct {
	people   []*person
	issuer   *person
	contract string
	c        *chain.Contract
	chainID  chain.Hash
	sign     bool // real signatures, for who audits; the machine trusts the API's check
	model    *signedModel
	nonce    uint64
}

func newTown(options string, sign bool) *town {
	w := &town{issuer: newPerson("issuer"), sign: sign}
	for i := range 5 {
		w.people = append(w.people, newPerson(fmt.Sprint("person ", i)))
	}
	w.people = append(w.people, w.issuer)
	w.contract = fmt.Sprintf(`{"token":"aka","decimals":2,"issuer":%q,"treasurer":%q,"supply":"1000000","mintable":true,
		"freezable":true,"hold_for":"1h","loosening_delay":"2h"%s}`, w.issuer.address, w.people[0].address, options)
	c, err := chain.DecodeContract([]byte(w.contract))
	if err != nil {
		panic(err)
	}
	w.c = &c
	return w
}

// finish signs t by one of who's keys and sets its id.
func (w *town) finish(t *chain.Transaction, who *person, key int, expires chain.Seconds) chain.Transaction {
	w.nonce++
	k := who.keys[key%len(who.keys)]
	t.Sender = who.address
	t.Auth = &chain.Auth{Nonce: fmt.Sprintf("%032x", w.nonce), Expires: expires, PublicKey: publicKey(k)}
	message := t.AppendSigned(nil, w.chainID, w.c.Decimals)
	t.ID = chain.SignedID(message)
	if w.sign {
		copy(t.Auth.Signature[:], ed25519.Sign(k, message))
	}
	return *t
}

// chance draws numbers: from rapid, which can shrink them, or from a plain
// generator, which is faster.
type chance func(n int) int

// transaction draws one that is valid in form. Most are also likely to be
// accepted.
func (w *town) transaction(draw chance, now chain.Micros, holds []chain.ID) chain.Transaction {
	seconds := now.Seconds()
	who, other := w.people[draw(len(w.people))], w.people[draw(len(w.people))]
	for other == who {
		other = w.people[draw(len(w.people))]
	}
	amount := chain.Amount(1 + draw([]int{20_000, 20_000, 20_000, 2_000_000}[draw(4)]))
	t := &chain.Transaction{}
	switch draw(14) {
	case 0, 1, 2, 3, 4:
		*t = chain.Transaction{Kind: chain.Transfer, Recipient: other.address, Amount: amount}
	case 5, 6:
		*t = chain.Transaction{Kind: chain.Hold, Recipient: other.address, Amount: amount, HoldUntil: seconds - 5 + chain.Seconds(draw(20_000))}
	case 7, 8, 9:
		*t = chain.Transaction{Kind: []chain.Kind{chain.Accept, chain.Reject}[draw(2)], Hold: chain.DeriveID([]byte("none"))}
		if len(holds) > 0 {
			t.Hold = holds[len(holds)-1-draw(min(len(holds), 20))]
		}
		if h := w.model.holds[t.Hold]; h != nil && draw(10) > 0 {
			who = w.byAddress(h.to)
		}
	case 10:
		*t = chain.Transaction{Kind: chain.Rules, Rules: w.rules(draw, who)}
	case 11:
		frozen := draw(8) == 0
		who = []*person{w.issuer, w.issuer, who}[draw(3)]
		*t = chain.Transaction{Kind: chain.Rules, Rules: &chain.RulesChange{Account: other.address, Frozen: &frozen}}
	case 12:
		who = []*person{w.issuer, who}[draw(2)]
		*t = chain.Transaction{Kind: chain.Issue, Recipient: other.address, Amount: amount}
	case 13:
		who = []*person{w.people[0], who}[draw(2)]
		*t = chain.Transaction{Kind: chain.Burn, Amount: 1 + amount/10_000}
		if draw(2) == 0 && other != who {
			t.Kind, t.Recipient = chain.Spend, other.address
		}
	}
	key := 0
	for i, k := range who.keys {
		if publicKey(k) == w.model.wallet(who.address).key || draw(100) == 0 {
			key = i
		}
	}
	expires := seconds + 1 + chain.Seconds(draw(20_000))
	if draw(30) == 0 {
		expires = seconds - 10 + chain.Seconds(draw(200_000))
	}
	return w.finish(t, who, key, expires)
}

func (w *town) byAddress(address string) *person {
	for _, p := range w.people {
		if p.address == address {
			return p
		}
	}
	panic("nobody lives at " + address)
}

// newHolds appends the holds that a batch has made.
func (w *town) newHolds(holds []chain.ID, batch []chain.Transaction) []chain.ID {
	for i := range batch {
		if w.model.holds[batch[i].ID] != nil {
			holds = append(holds, batch[i].ID)
		}
	}
	return holds
}

func (w *town) rules(draw chance, who *person) *chain.RulesChange {
	p := &chain.RulesChange{}
	limit := chain.Amount(max(0, draw(6)-3)) * 500_000
	switch draw(6) {
	case 0:
		p.PerTransfer = &limit
	case 1:
		p.PerDay = &limit
	case 2:
		seed := sha256.Sum256([]byte(fmt.Sprint(who.address, len(who.keys))))
		k := ed25519.NewKeyFromSeed(seed[:])
		who.keys = append(who.keys, k)
		key := publicKey(k)
		p.NewKey = &key
	default:
		receive := []chain.Receive{chain.ReceiveAuto, chain.ReceiveAuto, chain.ReceiveApprove, chain.ReceiveClosed}[draw(4)]
		p.Receive = &receive
	}
	return p
}

func checkAnswer(t require.TestingT, m *signedModel, tx *chain.Transaction, got command.Outcome) {
	w := m.submit(tx)
	require.Equal(t, w.refused, got.Refused, "%+v", tx)
	require.Equal(t, w.replay, got.Replay, "%+v", tx)
	if w.kind == "" {
		return
	}
	r, err := chain.DecodeRecord(got.Record, m.c.Decimals)
	require.NoError(t, err)
	require.Equal(t, w.kind, r.Kind, "%+v", tx)
	require.Equal(t, w.reason, r.Reason)
}

func compareSigned(t require.TestingT, m *signedModel, s *store.Store) {
	for name, w := range m.wallets {
		a, err := s.Account("aka", name)
		require.NoError(t, err)
		require.Equal(t, w.balance, a.Balance, name)
	}
	held := chain.Amount(0)
	for _, h := range m.holds {
		if h.ended == "" {
			held += h.amount
		}
	}
	info, err := s.Contract("aka")
	require.NoError(t, err)
	require.Equal(t, chain.Totals{Issued: m.issued, Burned: m.burned, Fees: m.fees, Held: held}, info.Totals)
	compareOpenHolds(t, m, s)
}

// TestHundredThousandOperationsAgainstTheModel runs all kinds in random order.
// The machine itself checks conservation after each block, and stops where it
// is broken.
func TestHundredThousandOperationsAgainstTheModel(t *testing.T) {
	operations := 100_000
	if testing.Short() {
		operations = 5_000
	}
	seed := uint64(20261122)
	rng := rand.New(rand.NewPCG(seed, seed))
	w := newTown(`,"fee_ppm":1500,"schedule":{"transactions":20,"every":"10m"}`, false)
	r := newRig(t)
	require.Empty(t, r.create(w.contract).Refused)
	w.chainID = mustInfo(t, r.store, "aka").ID
	m := newSignedModel(w.c)
	w.model = m
	var holds []chain.ID
	var sent []chain.Transaction
	kinds := map[string]int{}
	for done := 0; done < operations; {
		r.now += chain.Micros(rng.Int64N(120 * second))
		m.tick(r.now)
		batch := make([]chain.Transaction, 1+rng.IntN(40))
		for i := range batch {
			batch[i] = w.transaction(rng.IntN, r.now, holds)
			if len(sent) > 0 && rng.IntN(25) == 0 {
				batch[i] = sent[len(sent)-1-rng.IntN(min(len(sent), 1000))] // again
			}
		}
		sent = append(sent, batch...)
		answers := r.apply(submitRequest("aka", batch...))[0].Outcomes
		for i := range batch {
			checkAnswer(t, m, &batch[i], answers[i])
			kinds[fmt.Sprint(batch[i].Kind, " ", answers[i].Refused)]++
		}
		holds = w.newHolds(holds, batch)
		done += len(batch)
		if rng.IntN(50) == 0 {
			compareSigned(t, m, r.store)
		}
	}
	compareSigned(t, m, r.store)
	require.Greater(t, m.expiries, 10)
	require.Greater(t, len(kinds), 40, "too few of the rules were met: %v", kinds)
	t.Logf("seed %d, %d holds expired, outcomes by kind: %v", seed, m.expiries, kinds)
}

// TestSignedReplicasAgreeAndAuditorsFollow is the same with real signatures,
// disturbed replicas, and an auditor who believes nothing.
func TestSignedReplicasAgreeAndAuditorsFollow(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	rapid.Check(t, func(t *rapid.T) {
		draw := func(n int) int { return rapid.IntRange(0, n-1).Draw(t, "draw") }
		w := newTown([]string{`,"schedule":{"transactions":3}`, `,"fees":"burn","schedule":{"every":"30m","empty":false}`}[draw(2)], true)
		calm, tried := newReplica(t), newReplica(t)
		now := chain.Micros(1_800_000_000 * second)
		create := step{now, []command.Request{&command.Create{Contract: []byte(w.contract)}}}
		calm.apply(create)
		tried.apply(create)
		w.chainID = mustInfo(t, calm.store, "aka").ID
		m := newSignedModel(w.c)
		w.model = m
		var holds []chain.ID
		for range 1 + draw(30) {
			now += chain.Micros(draw(3600)) * second
			m.tick(now)
			batch := make([]chain.Transaction, 1+draw(6))
			for i := range batch {
				batch[i] = w.transaction(draw, now, holds)
			}
			answers := calm.apply(step{now, []command.Request{submitRequest("aka", batch...)}})[0].Outcomes
			for i := range batch {
				checkAnswer(t, m, &batch[i], answers[i])
				tried.apply(step{now, []command.Request{submitRequest("aka", batch[i])}})
			}
			holds = w.newHolds(holds, batch)
			tried.disturb(t)
			compareOpenHolds(t, m, tried.store)
		}
		end := step{now, []command.Request{&command.Produce{Token: "aka"}}}
		calm.apply(end)
		tried.apply(end)
		compareSigned(t, m, tried.store)
		require.Equal(t, mustInfo(t, calm.store, "aka"), mustInfo(t, tried.store, "aka"))
		auditChain(t, tried.store, "aka")
		checkHistory(t, tried.store, w.people)
		replayPast(t, tried.store, "aka", func() bool { return draw(4) > 0 })
		requireSameContents(t, calm.contents(), tried.contents())
		require.NoError(t, calm.store.Close())
		require.NoError(t, tried.store.Close())
	})
}

// A stranger who sees signed bytes and signs them with a key of his own is
// refused, and has not spoilt them.
func TestAStrangersKeyDoesNotSpoilAnID(t *testing.T) {
	w := newTown("", false)
	r := newRig(t)
	require.Empty(t, r.create(w.contract).Refused)
	tx := w.finish(&chain.Transaction{Kind: chain.Transfer, Recipient: w.people[1].address, Amount: 100}, w.issuer, 0, r.now.Seconds()+60)
	forged := tx
	auth := *tx.Auth
	auth.PublicKey = publicKey(w.people[2].keys[0])
	forged.Auth = &auth
	require.Equal(t, chain.KeyWrong, r.apply(submitRequest("aka", forged))[0].Outcomes[0].Refused)
	require.Empty(t, r.apply(submitRequest("aka", tx))[0].Outcomes[0].Refused)
}
