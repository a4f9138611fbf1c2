package sim

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/internal/harness"
)

// broken are changes of the product of one line or two, each of which breaks what it
// promises, and the rules of which one has to find it.
var broken = map[string]harness.Patch{
	"a leader acknowledges before its disk has the entry": {
		File: "cluster/raftlog/ahead.go",
		Old:  "return a.await(ctx, func() bool { return len(a.waiting) == 0 || a.waiting[0].Index > index })",
		New:  "return nil",
	},
	"a leader tells the others of commits that its disk does not have": {
		File: "cluster/raftlog/ahead.go",
		Old:  "return min(index, a.waiting[0].Index-1)",
		New:  "return index",
	},
	"a replica answers before its disk has the entries": {
		File: "cluster/raftlog/ahead.go",
		Old:  "		return a.LogStore.StoreLogs(logs)\n",
		New:  "		go a.LogStore.StoreLogs(logs)\n		return nil\n",
	},
	"an id that was decided is not looked up": {
		File: "fsm/submit.go",
		Old:  "if p, known := tx.Placement(h, t.ID); known {",
		New:  "if p, known := tx.Placement(h, t.ID); known && p.Refused != \"\" {",
	},
	"ids are looked up in memory only": {
		File: "store/read.go",
		Old:  "	return found{}, false\n}\n\n// placement finds",
		New:  "	return found{}, true\n}\n\n// placement finds",
	},
	"entries that were applied are applied again": {
		File: "cluster/replica/replica.go",
		Old:  "l.Index <= r.machine.AppliedIndex()",
		New:  "false",
	},
	"a lost leadership is said to be no leader": {
		File: "cluster/groupcommit/outcome.go",
		Old:  "	case errors.Is(err, raft.ErrNotLeader),\n",
		New:  "	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost),\n",
	},
	"a request on its way to a leader that is lost is said to be not applied": {
		File: "cluster/peer/uplink.go",
		Old:  "b.Fail(fmt.Errorf(\"%w: lost the connection to %s: %w\", outcome.Unknown",
		New:  "b.Fail(fmt.Errorf(\"%w: lost the connection to %s: %w\", outcome.NoLeader",
	},
	"a barrier does not wait for this member's state": {
		File: "cluster/propose.go",
		Old:  "	return m.WaitApplied(ctx, r.Index)\n}\n\n// WaitApplied",
		New:  "	return nil\n}\n\n// WaitApplied",
	},
	"a leader reads without a barrier": {
		File: "cluster/propose.go",
		Old:  "	r := m.submit(ctx, nil)[0]\n",
		New:  "	if m.IsLeader() {\n		return nil\n	}\n	r := m.submit(ctx, nil)[0]\n",
	},
	"votes are not kept": {
		File: "internal/votefile/votefile.go",
		Old:  "if err := f.write(f.path, next); err != nil {",
		New:  "if err := error(nil); err != nil {",
	},
	"a member's own clock counts when it applies": {
		File: "cluster/replica/replica.go",
		Old:  "return r.machine.Apply(l.Index, e.Micros, e.Requests)",
		New:  "return r.machine.Apply(l.Index, time.Now().UnixMicro(), e.Requests)",
	},
	"a refusal is forgotten": {
		File: "fsm/submit.go",
		Old:  "	tx.SetPlacement(h, t.ID, p)\n	foldRefusal(tx, h, t.ID, p)\n",
		New:  "	_ = p\n",
	},
	"what is flushed is not written": {
		File: "store/flush.go",
		Old:  "rows = l.appendRefused(appendIDs(rows, &l.ids, l.epochs))",
		New:  "rows = l.appendRefused(rows)",
	},
	"who sends keeps it": {
		File: "fsm/evolve.go",
		Old:  "	case chain.Transfer:\n		m.add(r.Sender, -r.AmountSend)\n",
		New:  "	case chain.Transfer:\n",
	},
	"a fee is made of nothing": {
		File: "chain/record.go",
		Old:  "AmountSend: t.Amount, AmountBPSC: fee, AmountReceive: t.Amount - fee,",
		New:  "AmountSend: t.Amount, AmountBPSC: fee, AmountReceive: t.Amount,",
	},
	"some ids become others": {
		File: "fsm/submit.go",
		Old:  "	t := d.t\n	if !d.written {\n",
		New:  "	t := d.t\n	if t.Amount%16 == 0 {\n		t.ID[0] ^= 1\n	}\n	if !d.written {\n",
	},
	"something else under an id is told its answer": {
		File: "fsm/submit.go",
		Old:  "	if p.Content != asked {\n",
		New:  "	if p.Content != asked && p.Refused != \"\" {\n",
	},
	"a replay is said to be new": {
		File: "fsm/submit.go",
		Old:  "Refused: p.Refused, Replay: true,",
		New:  "Refused: p.Refused, Replay: false,",
	},
	"a record goes before the one before it": {
		File: "fsm/submit.go",
		Old:  "	p := store.Placement{Block: h.Index + 1, Position: h.Pending.Count()}\n",
		New:  "	p := store.Placement{Block: h.Index + 1, Position: max(0, h.Pending.Count()-1)}\n",
	},
	"a request waits for longer than whoever asks": {
		File: "cluster/propose.go",
		Old:  "	case <-ctx.Done():\n		m.queue.Withdraw(",
		New:  "	case <-context.WithoutCancel(ctx).Done():\n		m.queue.Withdraw(",
	},
	"an election takes ten times as long": {
		File: "cluster/config.go",
		Old:  "		HeartbeatTimeout:   time.Second,\n		ElectionTimeout:    time.Second,\n",
		New:  "		HeartbeatTimeout:   10 * time.Second,\n		ElectionTimeout:    10 * time.Second,\n",
	},
	"a member that is far behind gets nothing": {
		File: "cluster/transport/transport.go",
		Old:  "	err := t.NetworkTransport.InstallSnapshot(id, target(id, to), args, resp, &snapshotInTransit{Reader: data, to: string(id), progress: t.cfg.Progress})\n",
		New:  "	err := errUnfit\n",
	},
	"nobody looks whether an entry is as it was written": {
		File: "cluster/raftlog/guard.go",
		Old:  "	if binary.BigEndian.Uint32(seal[8:]) != recordSum(",
		New:  "	if index == 0 && binary.BigEndian.Uint32(seal[8:]) != recordSum(",
	},
	"nobody looks whether a file is as it was written": {
		File: "internal/durable/sealed.go",
		Old:  "	if !bytes.Equal(data, seal(line)) {\n",
		New:  "	if len(data) == 0 {\n",
	},
	"what is sent together is decided from the end": {
		File: "fsm/submit.go",
		Old:  "	for i := range txs {\n		if next := txs[i:];",
		New:  "	for k := range txs {\n		i := len(txs) - 1 - k\n		if next := txs[i:];",
	},
	"a hold that was decided is decided again": {
		File: "fsm/decide.go",
		Old:  "	case h.Ended != \"\":\n		return h.Ended\n",
		New:  "",
	},
	"holds go back ten seconds late": {
		File: "fsm/submit.go",
		Old:  "if !ok || first.Until.Micros() > tx.Time() {",
		New:  "if !ok || first.Until.Micros()+10_000_000 > tx.Time() {",
	},
	"the last record of a block comes first": {
		File: "fsm/produce.go",
		Old:  "	header := chain.Header{\n",
		New:  lastFirst,
	},
	"what others have seen of a member is no matter": {
		File: "cluster/memory/position.go",
		Old:  "	case you.Held > own.Last:\n",
		New:  "	case false && you.Held > own.Last:\n",
	},
	"a member signs what is not its chain": {
		File: "attest/watch.go",
		Old:  "Size: size, Root: w.chain.tree.Root(), Digest: mine.digest}\n	if mine.root != a.Root {",
		New:  "Size: size, Root: w.chain.tip.Hash, Digest: mine.digest}\n	if false {",
	},
	"a member signs another root, too": {
		File: "attest/watch.go",
		Old:  "	w.noteAttempt(a, w.log.Attest(ctx, w.token, a))\n",
		New:  signsTwice,
	},
	"checkpoints are forgotten before there are newer ones": {
		File: "fsm/attest.go",
		Old:  "if sizes <= MaxRounds || slices.ContainsFunc(counted, func(v votes) bool { return !slices.ContainsFunc(newer, v.within) }) {",
		New:  "if sizes <= 1 {",
	},
	"who has handed leadership over never leads again": {
		File: "cluster/transfer.go",
		Old:  "	defer m.makingWay.Store(false)\n",
		New:  "",
	},
	"nobody knows any more who was removed": {
		File: "cluster/recover.go",
		Old:  "return slices.Contains(m.lost, string(who)) || m.cfg.Removed != nil && m.cfg.Removed(who)",
		New:  "return slices.Contains(m.lost, string(who))",
	},
	"who has caught up gets no vote": {
		File: "cluster/membership/next.go",
		Old:  "if !m.Voter && !m.Stays && s.Seen[m.Identity()].MayVote && s.hasCaughtUp(m) {",
		New:  "if !m.Voter && !m.Stays && s.Seen[m.Identity()].MayVote && s.hasCaughtUp(m) && s.Index == 0 {",
	},
	"a follower says that it keeps what power can take": {
		File: "store/snapshot.go",
		Old:  "	if err != nil || applied == durable {\n		return err\n	}\n	s.using.RLock()\n	defer s.using.RUnlock()\n	db, err := s.settle(ctx)\n",
		New:  "	if err != nil || applied == durable || s.cfg.Log {\n		return err\n	}\n	s.using.RLock()\n	defer s.using.RUnlock()\n	db, err := s.settle(ctx)\n",
	},
	"a follower asks nobody again who was down": {
		File: "follower/chainsync/peer.go",
		Old:  "p.aside = now.Add(cfg.jitter(backoff(cfg.RetryMin, cfg.RetryMax, p.failures)))",
		New:  "p.aside = now.Add(time.Hour)",
	},
	"a follower takes who is behind for a liar": {
		File: "follower/chainsync/fetcher.go",
		Old:  "return 0, refuse(Behind, \"it has",
		New:  "return 0, refuse(SecondHistory, \"it has",
	},
	"refusals that are flushed are not written": {
		File: "store/flush.go",
		Old:  "rows = l.appendRefused(appendIDs(rows, &l.ids, l.epochs))",
		New:  "rows = appendIDs(rows, &l.ids, l.epochs)",
	},
}

// lastFirst has the blocks of open contracts begin with their last record: what was answered
// is in the chain, and not in the order in which it was.
const lastFirst = `	if n := h.Pending.Count(); n > 1 && h.Contract.Wallets == chain.OpenWallets {
		var texts [][]byte
		for i := range n {
			texts = append(texts, append([]byte(nil), h.Pending.Record((n-1+i)%n)...))
		}
		h.Pending.Clear()
		for _, text := range texts {
			h.Pending.Add(text)
		}
	}
	header := chain.Header{
`

// signsTwice has a member sign two roots of each size.
const signsTwice = `	w.noteAttempt(a, w.log.Attest(ctx, w.token, a))
	a.Root[0] ^= 1
	a.Cosignature, _ = proof.Cosign(proof.Checkpoint{Origin: proof.Origin(w.token, w.chain.id), Size: size, Root: a.Root}.Body(), w.cfg.Key, chain.SecondsOf(w.cfg.Now()))
	_ = w.log.Attest(ctx, w.token, a)
`

// TestBrokenBuildsAreFound builds the simulation with each of these changes and runs
// seeds until one finds it. It takes minutes: BPSC_BROKEN=1.
func TestBrokenBuildsAreFound(t *testing.T) {
	if os.Getenv("BPSC_BROKEN") == "" {
		t.Skip("BPSC_BROKEN=1 runs it")
	}
	const enough = 400
	found := map[string][]string{} // by rule: which of the builds
	all, ran := true, 0            // -run may name some of them
	for _, name := range slices.Sorted(maps.Keys(broken)) {
		all = t.Run(name, func(t *testing.T) {
			ran++
			binary, err := harness.BuildPatchedTest(t.Context(), t.TempDir(), "e2e/sim", broken[name])
			require.NoError(t, err)
			began := time.Now()
			seed, violations := firstFailure(t, binary, enough, fits[name])
			if len(violations) == 0 {
				t.Fatalf("%d seeds have not found it, in %v", enough, time.Since(began))
			}
			for _, r := range rules {
				if i := slices.IndexFunc(violations, func(v string) bool { return strings.HasPrefix(v, r+": ") }); i >= 0 {
					found[r] = append(found[r], name)
					t.Logf("seed %d, after %v: %s", seed, time.Since(began).Round(time.Second), firstLine(violations[i]))
				}
			}
		}) && all
	}
	for _, r := range rules {
		t.Logf("%-55s %d of %d builds", r, len(found[r]), len(broken))
		if all && ran == len(broken) && found[r] == nil {
			t.Errorf("no build breaks this rule: %s", r)
		}
	}
}

func firstLine(text string) string {
	const enough = 300
	for i, r := range text {
		if r == '\n' || i > enough {
			return text[:i]
		}
	}
	return text
}

// fits are the plans for builds of which others would say nothing, or too little.
var fits = map[string]func(plan) bool{
	"a member's own clock counts when it applies":       withFollowers,
	"a follower says that it keeps what power can take": withFollowers,
	"a follower asks nobody again who was down":         withFollowers,
	"a follower takes who is behind for a liar":         withFollowers,
	"who has handed leadership over never leads again":  withHandovers,
	"nobody knows any more who was removed":             withRemoval,
	"who has caught up gets no vote":                    withReplacement,
}

func withFollowers(p plan) bool { return p.Followers > 0 }

func withHandovers(p plan) bool { return p.has(handOver) }

func withRemoval(p plan) bool { return p.has(removeMember) }

func withReplacement(p plan) bool { return p.has(replaceMember) }

// firstFailure runs seeds by another build of this package's tests until one fails.
func firstFailure(t *testing.T, binary string, seeds uint64, fit func(plan) bool) (seed uint64, found []string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var mu sync.Mutex
	next := uint64(1)
	require.NoError(t, runAll(ctx, binary, func() (plan, bool) {
		mu.Lock()
		defer mu.Unlock()
		for ; next <= seeds; next++ {
			if p := newPlan(next, minute); fit == nil || fit(p) {
				next++
				return p, true
			}
		}
		return plan{}, false
	}, func(p plan, r result) {
		mu.Lock()
		defer mu.Unlock()
		if len(r.Violations) > 0 && found == nil {
			seed, found = p.Seed, r.Violations
			cancel()
		}
	}))
	return seed, found
}
