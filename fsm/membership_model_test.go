package fsm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/store"
)

// twin is two replicas of one log, of which the second lives through all that happens to
// one, and the model of both.
type twin struct {
	t       *rapid.T
	rigs    [2]*rig
	log     []func(*rig)
	members *membership
	taken   int // snapshots
}

func (w *twin) order(entry func(*rig)) {
	w.log = append(w.log, entry)
	for _, r := range w.rigs {
		entry(r)
	}
}

// request is an entry with one request; all replicas answer the same.
func (w *twin) request(q command.Request) (refused chain.Code) {
	var answers []command.Answer
	w.order(func(r *rig) { answers = append(answers, r.apply(q)[0]) })
	require.Equal(w.t, answers[0], answers[1])
	return answers[0].Refused
}

func (w *twin) lengths() map[string]uint64 {
	all := map[string]uint64{}
	for _, info := range w.rigs[0].store.Contracts() {
		all[info.Contract.Token] = info.Length
	}
	return all
}

// live crashes the second replica, restarts it, or has it restored from the first one.
func (w *twin) live() {
	r := w.rigs[1]
	switch rapid.IntRange(0, 29).Draw(w.t, "fate") {
	case 0:
		require.NoError(w.t, r.store.Abandon())
		r.open()
		for _, entry := range w.log[r.index:] {
			entry(r)
		}
	case 1:
		require.NoError(w.t, r.store.Close())
		r.open()
	case 2:
		w.taken++
		dir := filepath.Join(filepath.Dir(r.dir), fmt.Sprint("taken", w.taken))
		require.NoError(w.t, w.rigs[0].Snapshot(w.rigs[0].t.Context(), dir))
		require.NoError(w.t, r.Restore(dir))
	}
}

func (w *twin) someone() string { return rapid.SampledFrom(people).Draw(w.t, "who") }

func (w *twin) step() {
	lengths := w.lengths()
	token := rapid.SampledFrom([]string{"aka", "gold"}).Draw(w.t, "token")
	switch rapid.IntRange(0, 11).Draw(w.t, "what") {
	case 0, 1:
		var voters, others []string
		for _, who := range people {
			if m := w.members; m.barred[who] && rapid.IntRange(0, 20).Draw(w.t, "again") > 0 {
				continue
			}
			switch rapid.IntRange(0, 4).Draw(w.t, "as") {
			case 0, 1, 2:
				voters = append(voters, who)
			case 3:
				others = append(others, who)
			}
		}
		w.order(func(r *rig) { r.configure(voters, others...) })
		w.members.configure(lengths, voters, others)
	case 2, 3, 4:
		who := w.someone()
		refused := w.request(&command.Announce{Member: who, URL: "http://" + who, Key: signer(w.rigs[0].t, who).String()})
		m := w.members
		require.Equal(w.t, m.configured && (!m.was[who] || m.barred[who]), refused != "", who)
		if refused == "" {
			m.keyed[who] = true
			m.settle(lengths)
		}
	case 5, 6:
		w.request(&command.Produce{Token: token})
	case 7, 8:
		if lengths[token] == 0 {
			return
		}
		who, size := w.someone(), uint64(rapid.IntRange(0, int(lengths[token])+1).Draw(w.t, "size"))
		refused := w.request(&command.Attest{Token: token, Attestation: w.rigs[0].wordOn(token, who, size)})
		require.Equal(w.t, !w.members.mayAttest(who, token, size, lengths[token]), refused != "", "%s on %d of %s", who, size, token)
	case 9, 10:
		if n := len(w.members.policies); n > 1 {
			w.endorse(rapid.IntRange(2, n).Draw(w.t, "number"), w.someone())
		}
	case 11:
		if rapid.IntRange(0, 3).Draw(w.t, "lost") == 0 {
			w.recover()
		}
	}
}

func (w *twin) endorse(number int, who string) {
	q := w.rigs[0].endorsement(who, number, w.rigs[0].handover(number).Body())
	policies, _ := w.rigs[0].store.Policies()
	require.Equal(w.t, !store.Endorsers(policies, number).Names(who), w.request(q) != "", "%s on policy %d", who, number)
}

func (w *twin) recover() {
	lengths := w.lengths()
	var before, after []string
	for _, who := range people {
		if w.members.voter[who] {
			before = append(before, who)
			if rapid.Bool().Draw(w.t, "is left") {
				after = append(after, who)
			}
		}
	}
	q := &command.Recovered{By: "ops", Reason: "fire", Time: chain.Seconds(len(w.log)), Before: before, After: after}
	require.Equal(w.t, len(after) == 0, w.request(q) != "")
	if len(after) > 0 {
		w.members.recovery = true
		w.members.configure(lengths, after, nil)
	}
}

// agree requires that both replicas are what the model says, and so each other.
func (w *twin) agree() {
	for _, r := range w.rigs {
		require.Equal(w.t, w.members.policies, r.policies())
		for _, who := range people {
			m := r.store.Member(who)
			require.Equal(w.t, [3]bool{w.members.voter[who], w.members.barred[who], w.members.keyed[who]}, [3]bool{m.Voter, m.Removed, m.Key != ""}, who)
		}
	}
	a, b := w.rigs[0].store, w.rigs[1].store
	mine, _ := a.Policies()
	theirs, _ := b.Policies()
	require.Equal(w.t, mine, theirs)
	require.Equal(w.t, a.Members(), b.Members())
	for token, length := range w.lengths() {
		for size := uint64(1); size <= length; size++ {
			p, err := a.Judge(token, size)
			require.NoError(w.t, err)
			number := 0
			if p != nil {
				number = p.Number
			}
			require.Equal(w.t, w.members.judge(token, size), number, "%s at %d", token, size)
			x, errX := a.Digest(token, size)
			y, errY := b.Digest(token, size)
			require.Equal(w.t, errX == nil, errY == nil)
			require.Equal(w.t, x, y, "%s at %d", token, size)
		}
		x, _, err := a.Attestations(token)
		require.NoError(w.t, err)
		y, _, err := b.Attestations(token)
		require.NoError(w.t, err)
		require.Equal(w.t, x, y)
	}
}

// verify requires that whoever knows the first policy comes to the same judgement as the
// members, once all have signed.
func (w *twin) verify() {
	policies, _ := w.rigs[0].store.Policies()
	if len(policies) == 0 {
		return
	}
	first, err := PolicyOf(policies[0])
	require.NoError(w.t, err)
	history := proof.NewHistory(first)
	for number := 2; number <= len(policies); number++ {
		for _, s := range store.Endorsers(policies, number).Members {
			w.endorse(number, s.Member)
		}
		var lines []string
		now, _ := w.rigs[1].store.Policies()
		for _, e := range now[number-1].Endorsed {
			lines = append(lines, e.Cosignature)
		}
		statement := w.rigs[1].handover(number)
		note, err := proof.AssembleNote(statement.Body(), lines...)
		require.NoError(w.t, err)
		next, err := history.Extend(note, []chain.Hash{statement.Hash()})
		require.NoError(w.t, err)
		if before := policies[number-2]; statement.Recovery != nil && !slices.ContainsFunc(policies[number-1].Members, func(s store.Signer) bool { return before.Names(s.Member) }) {
			// Nobody is left whom the policy before knows: only who was told its hash goes on.
			_, err := history.Add(note)
			require.ErrorIs(w.t, err, proof.ErrHandoverMinority)
		}
		history = next
	}
	require.NoError(w.t, w.rigs[0].store.Endorsed())
	for _, info := range w.rigs[0].store.Contracts() {
		for size := uint64(1); size <= info.Length; size++ {
			p, err := w.rigs[0].store.Judge(info.Contract.Token, size)
			require.NoError(w.t, err)
			mine, err := PolicyOf(p)
			require.NoError(w.t, err)
			theirs, err := history.For(proof.Origin(info.Contract.Token, info.ID), size)
			require.NoError(w.t, err)
			require.Equal(w.t, mine.Hash(), theirs.Hash(), size)
		}
	}
}

// wordOn is what a member says of a chain at a size.
func (r *rig) wordOn(token, member string, size uint64) chain.Attestation {
	info, err := r.store.Contract(token)
	require.NoError(r.t, err)
	body := proof.Checkpoint{Origin: proof.Origin(token, info.ID), Size: max(size, 1)}.Body()
	line, err := proof.Cosign(body, signer(r.t, member), 1_800_000_000)
	require.NoError(r.t, err)
	return chain.Attestation{Member: member, Size: size, Cosignature: line}
}

// Members come, go, announce themselves, attest and sign in any order, with crashes,
// restarts and snapshots in between: replicas have the same policies, members, attestations
// and digests, those of a model by hand; and who verifies from outside judges as they do.
func TestPoliciesFollowTheMembersWhateverHappens(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		if rapid.IntRange(0, 3).Draw(rt, "stores cost time") > 0 {
			return
		}
		w := &twin{t: rt, members: newMembership()}
		dir, err := os.MkdirTemp(t.TempDir(), "twin")
		require.NoError(rt, err)
		for i := range w.rigs {
			w.rigs[i] = &rig{t: t, dir: filepath.Join(dir, fmt.Sprint(i), "state"), now: 1_800_000_000 * second}
			w.rigs[i].open()
			defer func() { _ = w.rigs[i].store.Close() }()
		}
		w.request(&command.Create{Contract: []byte(`{"token":"aka","wallets":"open","on_request":true}`)})
		steps := rapid.IntRange(5, 40).Draw(rt, "steps")
		for i := range steps {
			if i == steps/2 {
				w.request(&command.Create{Contract: []byte(`{"token":"gold","wallets":"open","on_request":true,"schedule":{"transactions":1}}`)})
			}
			w.step()
			w.live()
		}
		w.agree()
		w.verify()
	})
}
