package attest_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/attest"
	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/internal/admitted"
	"github.com/bpsc/bpsc/internal/bubble"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const token = "aka"

// openContract produces blocks on request and moves what nobody has signed.
const openContract = `{"token":"aka","wallets":"open","on_request":true}`

var errNoLeader = errors.New("no leader")

// rig is a cluster whose log is in memory: members with stores, machines and
// attesters of their own. It runs in a synctest bubble, so pass waits for
// nobody, and what has not happened when all goroutines are idle does not
// happen.
type rig struct {
	t       require.TestingT
	dir     string
	members []*member

	mu         sync.Mutex // the order of the log; guards all below, and store and up of members
	leader     int        // index in members; -1: none
	log        []entry
	signatures map[string]map[uint64]map[chain.Hash]bool // every signature that left a member
}

type entry struct {
	index    uint64
	micros   int64
	requests [][]byte
	// Of an entry that changes the configuration; nil else.
	voters, nonVoters []string
}

// gap between entries leaves indexes for changes that no entry made.
const gap = 10

// member is one of them. Its attester runs between start and stop.
type member struct {
	*rig
	id       string
	store    *store.Store
	up       bool // has its store open, and applies
	attester *attest.Attester
	stopped  func()
	ended    atomic.Pointer[error] // what it called fatal; nil: nothing
	logged   logText
	// spoil changes a block as it is read; nil: the disk is good.
	spoil    func(index uint64, canonical []byte) []byte
	killer   atomic.Pointer[func(point string) bool]
	tries    int                                     // to reach the log
	leaves   func(token string, a chain.Attestation) // is called before a signature leaves; nil: nobody looks
	audits   atomic.Int64
	told     func(ctx context.Context, blocks uint64) // of an audit
	admitted *admitted.Signatures                     // what it verified when it took it; nil: nothing
	// The witnesses that it asks, by name.
	witnesses map[string]attest.Ask
}

// withRig runs a test with a cluster of n members that have announced their
// keys and a chain of one block. Attesters do not run yet.
func withRig(t *testing.T, n int, contract string, test func(r *rig)) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, dir, n)
		defer r.close()
		r.announce()
		r.create(contract)
		test(r)
	})
}

func newRig(t require.TestingT, dir string, n int) *rig {
	r := &rig{t: t, dir: dir, signatures: map[string]map[uint64]map[chain.Hash]bool{}}
	for i := range n {
		r.add(fmt.Sprint("n", i+1))
	}
	r.configure(r.ids())
	return r
}

// add makes one more member, which nobody has configured yet.
func (r *rig) add(id string) *member {
	m := &member{rig: r, id: id}
	require.NoError(r.t, os.MkdirAll(filepath.Join(m.folder(), "attest"), 0o700))
	r.members = append(r.members, m)
	r.signatures[m.id] = map[uint64]map[chain.Hash]bool{}
	m.openStore()
	return m
}

func (r *rig) ids() (ids []string) {
	for _, m := range r.members {
		ids = append(ids, m.id)
	}
	return ids
}

// configure is an entry that changes who the members are.
func (r *rig) configure(voters []string, nonVoters ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := entry{index: r.next(), voters: voters, nonVoters: nonVoters}
	r.log = append(r.log, e)
	for _, m := range r.members {
		if m.up {
			m.apply(e)
		}
	}
}

// next is the index of the next entry.
func (r *rig) next() uint64 {
	if len(r.log) == 0 {
		return gap
	}
	return r.log[len(r.log)-1].index + gap
}

func (r *rig) close() {
	for _, m := range r.members {
		m.stop()
		m.closeStore(false)
	}
}

// order is the log: everybody who is up applies the entry before anybody hears
// of it.
func (r *rig) order(_ context.Context, requests [][]byte) []command.Result {
	r.mu.Lock()
	defer r.mu.Unlock()
	answers := make([]command.Result, len(requests))
	if r.leader < 0 {
		for i := range answers {
			answers[i].Err = errNoLeader
		}
		return answers
	}
	e := entry{index: r.next(), micros: time.Now().UnixMicro(), requests: requests}
	r.log = append(r.log, e)
	for i, m := range r.members {
		if !m.up {
			continue
		}
		result := m.apply(e)
		for j := range answers {
			if i == r.leader || answers[j].Data == nil {
				answers[j] = command.Result{Index: e.index, Data: result(j)}
			}
		}
	}
	return answers
}

func (r *rig) requester() command.Requester { return r.order }

func (r *rig) submit(token string, t chain.Transaction) chain.Outcome {
	info, err := r.Contract(token)
	if err != nil {
		return chain.Outcome{Err: err}
	}
	return r.requester().Submit(context.Background(), &info.Contract, []chain.Transaction{t})[0]
}

// Contract finds a contract by the store of any member that is up.
func (r *rig) Contract(token string) (chain.Info, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.members {
		if m.up {
			return m.store.Contract(token)
		}
	}
	return chain.Info{}, errNoLeader
}

func (r *rig) announce() {
	for _, m := range r.members {
		require.NoError(r.t, r.requester().Announce(context.Background(), command.Announce{Member: m.id, URL: "http://" + m.id, Key: m.key().String()}))
	}
}

func (r *rig) create(contract string) {
	c, err := chain.DecodeContract([]byte(contract))
	require.NoError(r.t, err)
	_, err = r.requester().CreateContract(context.Background(), c)
	require.NoError(r.t, err)
}

// block produces a block; it has a transfer where text is not empty.
func (r *rig) block(text string) {
	if text != "" {
		t := chain.Transaction{ID: chain.DeriveID([]byte(text)), Sender: "a", Recipient: "b", Amount: 1_000_000, Memo: text}
		o := r.submit(token, t)
		require.NoError(r.t, o.Err)
		require.Empty(r.t, o.Refused)
	}
	_, err := r.requester().Produce(context.Background(), token)
	require.NoError(r.t, err)
}

func (r *rig) lead(leader int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leader = leader
}

// logText is what a member has logged. It may be read while the member goes on.
type logText struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logText) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logText) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (m *member) folder() string  { return filepath.Join(m.dir, m.id) }
func (m *member) journal() string { return filepath.Join(m.folder(), "attest", token+".json") }

// auditFolder is where a state that was restored is made again.
func (m *member) auditFolder() string { return filepath.Join(m.folder(), "audit") }

func (m *member) key() proof.SigningKey { return keyOf(m.t, m.id) }

func keyOf(t require.TestingT, member string) proof.SigningKey {
	name, err := proof.KeyName("", identity.Identity(member).ID())
	require.NoError(t, err)
	k, err := proof.NewSigningKey(name, chain.DeriveID([]byte(member)))
	require.NoError(t, err)
	return k
}

func (m *member) apply(e entry) func(i int) []byte {
	machine := fsm.New(m.store)
	var result func(i int) []byte // of requests, which a configuration has none of
	var err error
	if e.voters != nil {
		err = machine.Configure(e.index, e.voters, e.nonVoters)
	} else {
		result, err = machine.Apply(e.index, e.micros, e.requests)
	}
	if err != nil {
		panic(err) // on whatever goroutine this is
	}
	return result
}

func (m *member) openStore() {
	s, err := store.Open(store.Config{Dir: filepath.Join(m.folder(), "state"), Logger: slog.New(slog.DiscardHandler), LayerBytes: 64 << 10})
	require.NoError(m.t, err)
	m.store = s
	m.catchUp()
}

// catchUp applies what the log has and the store has not.
func (m *member) catchUp() {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.log {
		if e.index > m.store.AppliedIndex() {
			m.apply(e)
		}
	}
	m.up = true
}

// closeStore closes the store; a crash loses what is in memory only.
func (m *member) closeStore(crash bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.up = false
	if m.store == nil {
		return
	}
	if crash {
		require.NoError(m.t, m.store.Abandon())
	} else {
		require.NoError(m.t, m.store.Close())
	}
	m.store = nil
}

// rebuild makes the state anew from the log.
func (m *member) rebuild() {
	m.closeStore(true)
	require.NoError(m.t, os.RemoveAll(filepath.Join(m.folder(), "state")))
	m.openStore()
}

func (m *member) leads() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.leader >= 0 && m.members[m.leader] == m
}

// start runs the attester, on the store that is open.
// fatal is why the member would have ended, nil while it would not.
func (m *member) fatal() error {
	if err := m.ended.Load(); err != nil {
		return *err
	}
	return nil
}

func (m *member) start() {
	cfg := attest.DefaultConfig()
	cfg.Member, cfg.Key, cfg.Dir = m.id, m.key(), filepath.Dir(m.journal())
	cfg.Leads, cfg.Fatal = m.leads, func(err error) { m.ended.Store(&err) }
	cfg.Logger = slog.New(slog.NewTextHandler(&m.logged, nil))
	cfg.Admitted = m.admitted
	cfg.Audit = func(ctx context.Context, told func(string, uint64, uint64)) (map[string]error, error) {
		m.audits.Add(1)
		restored := audit.Restored{Store: m.store, Dir: m.auditFolder(), Workers: 1, Logger: slog.New(slog.DiscardHandler)}
		return restored.Run(ctx, func(token string, blocks, of uint64) {
			told(token, blocks, of)
			if m.told != nil {
				m.told(ctx, blocks)
			}
		})
	}
	for name, ask := range m.witnesses {
		cfg.Witnesses = append(cfg.Witnesses, attest.Witness{Name: name, About: func() attest.Ask { return ask }})
	}
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	m.attester, err = attest.New(cfg, disk{m.store, m, cancel}, wire{m, cancel})
	require.NoError(m.t, err)
	var running sync.WaitGroup
	running.Go(func() { m.attester.Run(ctx) })
	m.stopped = func() { cancel(); running.Wait() }
}

func (m *member) stop() {
	if m.stopped != nil {
		m.stopped()
		m.stopped = nil
	}
}

// startAll starts all attesters and waits until they have found the chain.
func (r *rig) startAll() {
	for _, m := range r.members {
		m.start()
	}
	bubble.Pass(time.Second)
}

// kill makes the member die at the points where kills says so.
func (m *member) kill(kills func(point string) bool) { m.killer.Store(&kills) }

// dies ends the goroutine that calls it where the test wants the member dead:
// nothing of that chain happens on this member any more.
func (m *member) dies(point string, cancel func()) {
	if kills := m.killer.Load(); kills != nil && (*kills)(point) {
		cancel()
		runtime.Goexit()
	}
}

// length of the chain, by a member's store.
func (m *member) length() uint64 {
	info, err := m.store.Contract(token)
	require.NoError(m.t, err)
	return info.Length
}

// covered is the size of the newest checkpoint that a member can show, after
// anybody's verification; 0: none.
func (m *member) covered() uint64 {
	info, err := m.store.Contract(token)
	require.NoError(m.t, err)
	attestations, _, err := m.store.Attestations(token)
	require.NoError(m.t, err)
	note, _, err := attest.Newest(func(size uint64) attest.Quorum { return m.quorum(token, size) }, &info, attestations)
	if errors.Is(err, chain.NotFound) {
		return 0
	}
	require.NoError(m.t, err)
	signed, err := proof.ReadCheckpoint(note)
	require.NoError(m.t, err)
	var keys []proof.Cosigner
	q := m.quorum(token, signed.Size)
	for _, other := range q.Members {
		keys = append(keys, proof.Cosigner{Name: identity.Identity(other).ID(), Key: keyOf(m.t, other).Verifier()})
	}
	policy, err := proof.NewPolicy(keys, q.Majority, nil, 0)
	require.NoError(m.t, err)
	c, err := policy.Verify(note, proof.Origin(token, info.ID))
	require.NoError(m.t, err)
	root, err := tlog.TreeHash(int64(c.Checkpoint.Size), m.store.LogHashes(token))
	require.NoError(m.t, err)
	require.Equal(m.t, chain.Hash(root), c.Checkpoint.Root)
	return c.Checkpoint.Size
}

// signed are the sizes on which a member's signature has ever left it.
func (m *member) signed(size uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.rig.signatures[m.id][size]) > 0
}

// one requires that no member has ever signed two roots for one size.
func (r *rig) one() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, sizes := range r.signatures {
		for size, roots := range sizes {
			require.Len(r.t, roots, 1, "%s at %d blocks", id, size)
		}
	}
}

// attestation is one that the test makes in a member's name.
func (m *member) attestation(size uint64, root chain.Hash) chain.Attestation {
	info, err := m.Contract(token)
	require.NoError(m.t, err)
	body := proof.Checkpoint{Origin: proof.Origin(token, info.ID), Size: size, Root: root}.Body()
	line, err := proof.Cosign(body, m.key(), chain.SecondsOf(time.Now()))
	require.NoError(m.t, err)
	a := chain.Attestation{Member: m.id, Size: size, Root: root, Cosignature: line}
	if m.store != nil {
		a.Digest, err = m.store.Digest(token, size)
		require.NoError(m.t, err)
	}
	return a
}

func (m *member) rootAt(size uint64) chain.Hash {
	root, err := tlog.TreeHash(int64(size), m.store.LogHashes(token))
	require.NoError(m.t, err)
	return chain.Hash(root)
}

func inBubble(t *testing.T, test func(t *testing.T)) { synctest.Test(t, test) }

// isBehind tells whether Ready waits for the rest of the chain.
func isBehind(err error) bool { return strings.Contains(err.Error(), "the chain here is shorter") }
