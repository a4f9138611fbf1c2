package fsm

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/internal/token"
)

// logged is an entry of a log as a machine gets it: requests, or who the members are from it
// on.
type logged struct {
	Index    uint64   `json:"index"`
	Micros   int64    `json:"micros"`
	Requests [][]byte `json:"requests,omitempty"`
	Voters   []string `json:"voters,omitempty"`
	Others   []string `json:"others,omitempty"`
}

// indexGap is how far the indexes of recorded entries lie apart: so an entry can be cut into
// as many, and what remembers an index remembers the same one.
const indexGap = 100

// chronicler makes up the log of a cluster that lives through everything, and remembers it.
type chronicler struct {
	*rig
	rng  *rand.Rand
	log  []logged
	met  map[string]int // how often each request came to each answer
	open []command.Request
	town *town
	gold *town // the same rules, another schedule
	held [2][]chain.ID
	sent [2][]chain.Transaction
	n    int

	is     map[string]bool // the members; whether each votes
	barred map[string]bool // members that were removed
}

// chronicle is the log of so many moments, which is the same for a seed wherever it is made.
func chronicle(t testing.TB, seed uint64, moments int) *chronicler {
	c := &chronicler{rig: newRig(t), rng: rand.New(rand.NewPCG(seed, 74)), met: map[string]int{}, barred: map[string]bool{}}
	c.now = 1_800_000_000 * second
	c.is = map[string]bool{"n1": true, "n2": true, "n3": true}
	c.members()
	for _, text := range contracts[1:] {
		c.ask(&command.Create{Contract: []byte(text)})
	}
	c.town = newTown(`,"fee_ppm":1500,"schedule":{"transactions":5,"every":"10m"}`, true)
	c.gold = newTown(`,"fee_ppm":90000,"fees":"burn","schedule":{"every":"1h","empty":false}`, true)
	c.gold.contract = strings.Replace(c.gold.contract, `"aka"`, `"gold"`, 1)
	for _, w := range []*town{c.town, c.gold} {
		c.ask(&command.Create{Contract: []byte(w.contract)})
	}
	c.moment(0)
	for _, w := range []*town{c.town, c.gold} {
		c.model(w)
	}
	c.announceAll()
	for range moments {
		for range c.rng.IntN(6) {
			c.something()
		}
		c.moment(c.rng.Int64N(900) * second)
	}
	return c
}

// model lets a town know its contract as the ledger has it.
func (c *chronicler) model(w *town) {
	info := mustInfo(c.t, c.store, c.tokenOf(w))
	w.c, w.chainID = &info.Contract, info.ID
	w.model = newSignedModel(w.c)
}

func (c *chronicler) tokenOf(w *town) string {
	if w == c.gold {
		return "gold"
	}
	return "aka"
}

// ask adds a request to what is asked for at this moment.
func (c *chronicler) ask(q command.Request) { c.open = append(c.open, q) }

// moment orders what was asked for, in entries as they come, and lets time pass.
func (c *chronicler) moment(passes int64) {
	for {
		n := min(len(c.open), 1+c.rng.IntN(4))
		requests := c.open[:n]
		c.open = c.open[n:]
		e := logged{Micros: int64(c.now)}
		for _, q := range requests {
			e.Requests = append(e.Requests, command.Encode(q))
		}
		c.enter(&e)
		for i, a := range c.apply(requests...) {
			c.met[fmt.Sprintf("%T %s", requests[i], a.Refused)]++
			for j, o := range a.Outcomes {
				c.met[fmt.Sprint(submitted(requests[i])[j].Kind, " ", o.Refused, " ", o.Replay)]++
			}
		}
		if len(c.open) == 0 {
			break
		}
	}
	c.now += chain.Micros(passes)
}

// enter gives an entry the next index, under which the machine gets it, too.
func (c *chronicler) enter(e *logged) {
	e.Index = uint64(len(c.log)+1) * indexGap
	c.index = e.Index - 1
	c.log = append(c.log, *e)
}

// members makes those the members that are.
func (c *chronicler) members() {
	if len(c.open) > 0 {
		c.moment(0)
	}
	e := logged{Micros: int64(c.now)}
	for _, who := range people {
		switch votes, is := c.is[who]; {
		case votes:
			e.Voters = append(e.Voters, who)
		case is:
			e.Others = append(e.Others, who)
		}
	}
	c.enter(&e)
	c.configure(e.Voters, e.Others...)
}

func (c *chronicler) announce(who string) {
	c.ask(&command.Announce{Member: who, URL: "http://" + who, Key: signer(c.t, who).String(), Level: release.Newest})
}

func (c *chronicler) announceAll() {
	for _, who := range people {
		if _, is := c.is[who]; is {
			c.announce(who)
		}
	}
}

// changeMembers does one step with one of them, as changes of a cluster do.
func (c *chronicler) changeMembers() {
	who := people[c.rng.IntN(len(people))]
	voters := len(c.store.Voters())
	switch votes, is := c.is[who]; {
	case c.barred[who]:
		return
	case !is:
		c.is[who] = false
	case !votes:
		c.is[who] = true
	case voters < 3:
		return
	case c.rng.IntN(8) == 0:
		delete(c.is, who)
		c.barred[who] = true
	default:
		c.is[who] = false
	}
	c.members()
	c.announceAll()
}

// something asks for anything that can be asked for.
func (c *chronicler) something() {
	c.n++
	draw := c.rng.IntN
	tokens := []string{"aka", "gold", "count", "time", "both", "one", "nowhere"}
	name := tokens[draw(len(tokens))]
	switch draw(24) {
	case 0:
		c.ask(&command.Produce{Token: name})
	case 1:
		c.ask(&command.Register{Nodes: []string{fmt.Sprintf("host%d:1", draw(40))}, From: "net"})
	case 2:
		c.ask(&command.Remove{Node: fmt.Sprintf("host%d:1", draw(40))})
	case 3:
		c.announce(people[draw(len(people))])
	case 4, 5:
		c.attest(name)
	case 6:
		c.ask(&command.Create{Contract: []byte(fmt.Sprintf(`{"token":"t%d","wallets":"open","schedule":{"every":"%ds"}}`, draw(30), 1+draw(3000)))})
	case 7:
		c.governs()
	case 8:
		c.operates()
	case 9, 10, 11, 12, 13:
		var batch []chain.Transaction
		for range 1 + draw(8) {
			batch = append(batch, c.openTransfer())
		}
		c.ask(submitRequest(tokens[2+draw(5)], batch...))
	default:
		c.signs(draw(2))
	}
}

// openTransfer is one whose id may have been used, for the same or for something else.
func (c *chronicler) openTransfer() chain.Transaction {
	draw := c.rng.IntN
	names := []string{"w1", "w2", "w3", "ünï\x00code", chain.OpenBPSC}
	amount := int64(1 + draw(100))
	switch draw(4) {
	case 0:
		amount = 1 + c.rng.Int64N(int64(chain.MaxUnits))
	case 1:
		amount = int64(chain.MaxUnits) - int64(draw(3))
	}
	return chain.Transaction{
		ID: chain.DeriveID([]byte(fmt.Sprint(draw(2000)))), Sender: names[draw(len(names))], Recipient: names[draw(len(names))],
		Amount: chain.Amount(amount), Memo: []string{"", "", "memo \"x\"\n"}[draw(3)],
	}
}

// signs submits signed transactions to one of the towns, now and then once more.
func (c *chronicler) signs(which int) {
	w := []*town{c.town, c.gold}[which]
	w.model.tick(c.now)
	var batch []chain.Transaction
	for range 1 + c.rng.IntN(4) {
		tx := w.transaction(c.rng.IntN, c.now, c.held[which])
		if n := len(c.sent[which]); n > 0 && c.rng.IntN(10) == 0 {
			tx = c.sent[which][c.rng.IntN(n)]
		}
		w.model.submit(&tx)
		batch = append(batch, tx)
	}
	c.sent[which] = append(c.sent[which], batch...)
	c.held[which] = w.newHolds(c.held[which], batch)
	c.ask(submitRequest(c.tokenOf(w), batch...))
}

// attest has a member say of a chain what is so, or something else.
func (c *chronicler) attest(name string) {
	info, err := c.store.Contract(name)
	if err != nil || info.Length == 0 {
		return
	}
	who, size := people[c.rng.IntN(len(people))], 1+uint64(c.rng.Int64N(int64(info.Length)+1))
	said := c.wordOn(name, who, size)
	if digest, err := c.store.Digest(name, min(size, info.Length)); err == nil {
		said.Digest = digest
	}
	c.ask(&command.Attest{Token: name, Attestation: said})
}

// governs changes the members, signs a handover, or tells of a recovery.
func (c *chronicler) governs() {
	policies, _ := c.store.Policies()
	switch c.rng.IntN(4) {
	case 0, 1:
		c.changeMembers()
	case 2:
		if n := len(policies); n > 1 {
			number := 2 + c.rng.IntN(n-1)
			who := policies[number-2].Members
			c.ask(c.endorsement(who[c.rng.IntN(len(who))].Member, number, c.handover(number).Body()))
		}
	case 3:
		if voters := c.store.Voters(); len(voters) > 0 && c.rng.IntN(4) == 0 {
			c.ask(&command.Recovered{By: "ops", Reason: "fire", Time: c.now.Seconds(), Before: voters, After: voters[:1]})
		}
	}
}

// operates is what operators do: levels, tokens, notes.
func (c *chronicler) operates() {
	switch c.rng.IntN(5) {
	case 0:
		c.announceAll()
		need := release.For(release.Newest)
		c.ask(&command.Activate{Level: need.Level, Release: need.Release})
	case 1, 2:
		c.ask(numbered(c.n, func(q *command.MakeToken) { q.Roles = []token.Roles{token.Read, token.Operate}[c.rng.IntN(2)] }))
	case 3:
		if all := c.store.Tokens(); len(all) > 0 {
			c.ask(&command.RevokeToken{ID: all[c.rng.IntN(len(all))].ID()})
		}
	case 4:
		c.ask(&command.Note{Action: auditlog.Action{Who: auditlog.Root, What: "members.remove", Subject: fmt.Sprint(c.n)}})
	}
}

// writeLog writes a log as a file, an entry a line.
func writeLog(path string, log []logged) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	enc := json.NewEncoder(out)
	for i := range log {
		if err := enc.Encode(&log[i]); err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(out.Flush(), f.Close())
}

func readLog(path string) (log []logged, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	for dec := json.NewDecoder(bufio.NewReader(f)); ; {
		var e logged
		switch err := dec.Decode(&e); {
		case errors.Is(err, io.EOF):
			return log, nil
		case err != nil:
			return nil, err
		}
		log = append(log, e)
	}
}

// A chronicle is worth something where it has every kind of request, taken and refused.
func TestAChronicleHasEverything(t *testing.T) {
	if testing.Short() {
		t.Skip("random cases, dear under the race detector")
	}
	t.Parallel()
	c := chronicle(t, 74, 600)
	t.Log(len(c.log), "entries:", c.met)
	for _, kind := range []string{"Submit", "Produce", "Create", "Register", "Remove", "Announce", "Attest", "Endorse", "Recovered", "Activate", "MakeToken", "RevokeToken", "Note"} {
		require.NotZero(t, c.met[fmt.Sprintf("*command.%s ", kind)], "no %s that was taken", kind)
	}
	for _, kind := range []chain.Kind{chain.Transfer, chain.Hold, chain.Accept, chain.Reject, chain.Rules, chain.Issue, chain.Spend, chain.Burn} {
		require.NotZero(t, c.met[fmt.Sprint(kind, "  ", false)], "no %s that was taken", kind)
	}
	require.Greater(t, len(c.met), 60, "too few outcomes")
}
