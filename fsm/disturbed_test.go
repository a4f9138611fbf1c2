package fsm

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// replica is one machine that is fed steps in its own way. Its files are in memory:
// what a disk does to a store is the matter of the store's own tests.
type replica struct {
	t       require.TestingT
	files   vfs.FS
	lives   int // folders used so far
	store   *store.Store
	machine *Machine
	log     []step // every entry so far; index i+1
}

func newReplica(t require.TestingT) *replica {
	r := &replica{t: t, files: vfs.NewMem()}
	r.open()
	return r
}

func (r *replica) open() {
	r.openStore()
	r.catchUp()
}

func (r *replica) openStore() {
	s, err := store.Open(store.Config{Dir: fmt.Sprint("state-", r.lives), LayerBytes: 2 << 10, NoteEvery: testNotes, FilterBytes: testFilter, FS: r.files})
	require.NoError(r.t, err)
	r.store, r.machine = s, New(s)
}

// catchUp applies what the store lacks, as Raft would.
func (r *replica) catchUp() {
	for i := r.store.AppliedIndex(); i < uint64(len(r.log)); i++ {
		r.run(i+1, r.log[i])
	}
}

func (r *replica) run(index uint64, s step) []command.Answer {
	encoded := make([][]byte, len(s.requests))
	for i, q := range s.requests {
		encoded[i] = command.Encode(q)
	}
	result, err := r.machine.Apply(index, int64(s.micros), encoded)
	require.NoError(r.t, err)
	answers := make([]command.Answer, len(encoded))
	for i := range encoded {
		answers[i], err = command.DecodeAnswer(result(i))
		require.NoError(r.t, err)
	}
	return answers
}

func (r *replica) apply(s step) []command.Answer {
	r.log = append(r.log, s)
	return r.run(uint64(len(r.log)), s)
}

// disturbances are what happens to a replica in its life.
var disturbances = []struct {
	name string
	do   func(r *replica)
}{
	{"a flush", func(r *replica) { require.NoError(r.t, r.store.Sync(context.Background())) }},
	{"a restart", func(r *replica) {
		require.NoError(r.t, r.store.Close())
		r.open()
	}},
	{"a crash", func(r *replica) { // what was not flushed comes again from the log
		require.NoError(r.t, r.store.Abandon())
		r.open()
	}},
	{"a flush and a crash", func(r *replica) {
		require.NoError(r.t, r.store.Sync(context.Background()))
		require.NoError(r.t, r.store.Abandon())
		r.open()
	}},
	{"a snapshot, taken and installed", func(r *replica) {
		dir := r.snapshot()
		require.NoError(r.t, r.machine.Restore(dir))
		require.NoError(r.t, r.files.RemoveAll(dir))
	}},
	{"a snapshot, installed on another machine", func(r *replica) {
		dir := r.snapshot()
		require.NoError(r.t, r.store.Close())
		r.lives++
		r.openStore()
		require.NoError(r.t, r.machine.Restore(dir))
		require.NoError(r.t, r.files.RemoveAll(dir))
		r.catchUp()
	}},
}

func (r *replica) snapshot() string {
	dir := fmt.Sprint("snapshot-", len(r.log))
	require.NoError(r.t, r.machine.Snapshot(context.Background(), dir))
	return dir
}

// disturb does one of them, or none.
func (r *replica) disturb(t *rapid.T) {
	if n := rapid.IntRange(0, 4*len(disturbances)).Draw(t, "disturb"); n < len(disturbances) {
		disturbances[n].do(r)
	}
}

// contents ends a replica and returns everything that it holds, on disk.
func (r *replica) contents() string {
	require.NoError(r.t, r.store.Close())
	r.open()
	s := r.store
	var text strings.Builder
	nodes, _ := s.Nodes("", MaxContracts)
	fmt.Fprintln(&text, s.Time(), nodes, s.Members())
	for _, info := range s.Contracts() {
		token := info.Contract.Token
		said, _, err := s.Attestations(token)
		require.NoError(r.t, err)
		pending, err := s.Pending(token)
		require.NoError(r.t, err)
		fmt.Fprintf(&text, "%+v\n%+v\n%d pending\n", info, said, len(pending))
		require.NoError(r.t, s.Blocks(token, 1, 0, func(index uint64, canonical []byte) error {
			digest, err := s.Digest(token, index)
			fmt.Fprintln(&text, digest, string(canonical))
			if info.Contract.Supply == 0 { // nothing has changed yet in genesis
				return nil
			}
			return err
		}))
		require.NoError(r.t, s.Accounts(token, func(name string, a chain.Account) error {
			fmt.Fprintf(&text, "%q: %s\n", name, describe(a))
			return nil
		}))
		require.NoError(r.t, s.Holds(token, func(id chain.ID, h chain.HoldState) error {
			fmt.Fprintln(&text, id, h)
			return nil
		}))
		for _, st := range r.log {
			for _, q := range st.requests {
				for _, tx := range submitted(q) {
					o, err := s.Transaction(token, tx.ID)
					fmt.Fprintln(&text, o.Record.ID, o.Block, o.Position, o.Refused, err != nil)
				}
			}
		}
	}
	return text.String()
}

// submitted are the transactions of a request.
func submitted(q command.Request) []chain.Transaction {
	if s, is := q.(*command.Submit); is {
		return s.Transactions
	}
	return nil
}

// requireSameContents compares contents and shows the first line that differs.
func requireSameContents(t require.TestingT, want, got string) {
	if want == got {
		return
	}
	lines := strings.Split(got, "\n")
	for i, line := range strings.Split(want, "\n") {
		if i >= len(lines) {
			require.Fail(t, "the rest is missing", line)
		}
		require.Equal(t, line, lines[i], "line %d", i)
	}
	require.Fail(t, "there is more")
}

// life is entries of every kind, what an undisturbed machine comes to with them,
// and how often each outcome was met.
func life(t *testing.T, seed uint64, steps int) (script []step, contents string, outcomes map[string]int) {
	calm := newReplica(t)
	rng := rand.New(rand.NewPCG(seed, seed))
	w := newTown(`,"fee_ppm":1500,"schedule":{"transactions":5,"every":"10m"}`, false)
	now := chain.Micros(1_800_000_000 * second)
	outcomes = map[string]int{}
	apply := func(q ...command.Request) {
		st := step{now, q}
		script = append(script, st)
		for i, a := range calm.apply(st) {
			outcomes[fmt.Sprintf("%T %s", q[i], a.Refused)]++
			for j, o := range a.Outcomes {
				outcomes[fmt.Sprint(submitted(q[i])[j].Kind, " ", o.Refused, " ", o.Replay)]++
			}
		}
	}
	apply(&command.Create{Contract: []byte(w.contract)})
	w.chainID = mustInfo(t, calm.store, "aka").ID
	w.model = newSignedModel(w.c)
	var holds []chain.ID
	var sent []chain.Transaction
	for i := range steps {
		now += chain.Micros(rng.Int64N(600 * second))
		w.model.tick(now)
		switch rng.IntN(12) {
		case 0:
			apply(&command.Register{Nodes: []string{fmt.Sprint("host:", 1+i)}, From: "net"})
		case 1:
			apply(&command.Announce{Member: "n1", URL: fmt.Sprint("http://", i), Key: signer(t, "n1").String()})
		case 2:
			info := mustInfo(t, calm.store, "aka")
			root := chain.Hash{byte(i)}
			line, err := proof.Cosign(proof.Checkpoint{Origin: proof.Origin("aka", info.ID), Size: info.Length, Root: root}.Body(), signer(t, "n1"), 1_800_000_000)
			require.NoError(t, err)
			apply(&command.Attest{Token: "aka", Attestation: chain.Attestation{Member: "n1", Size: info.Length, Root: root, Cosignature: line}})
		case 3:
			apply(&command.Produce{Token: "aka"})
		case 4:
			apply(&command.Create{Contract: []byte(fmt.Sprintf(`{"token":"t%d","wallets":"open"}`, i))})
		case 5:
			apply() // time passes
		default:
			tx := w.transaction(rng.IntN, now, holds)
			if len(sent) > 0 && rng.IntN(10) == 0 {
				tx = sent[rng.IntN(len(sent))]
			}
			w.model.submit(&tx)
			sent = append(sent, tx)
			holds = w.newHolds(holds, sent[len(sent)-1:])
			apply(submitRequest("aka", tx))
		}
	}
	apply(&command.Produce{Token: "aka"})
	contents = calm.contents()
	require.NoError(t, calm.store.Close())
	return script, contents, outcomes
}

// Whatever happens to a replica between any two entries, of whatever kinds, it
// comes to the same state, the digest included, as one to which nothing
// happens.
func TestNothingIsLostBetweenAnyTwoEntries(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	script, want, outcomes := life(t, 20261125, 70)
	t.Log(outcomes)
	require.Greater(t, len(outcomes), 20, "too few kinds: %v", outcomes)
	for _, d := range disturbances {
		t.Run(d.name, func(t *testing.T) {
			r := newReplica(t)
			for _, s := range script {
				r.apply(s)
				d.do(r)
			}
			requireSameContents(t, want, r.contents())
			require.NoError(t, r.store.Close())
		})
	}
}
