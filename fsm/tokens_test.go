package fsm

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/auditlog"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/internal/token"
	"github.com/bpsc/bpsc/store"
)

// newAccessRig is a rig on the level that has tokens, with the contracts aka and usd.
func newAccessRig(t testing.TB) *rig {
	r := newRig(t)
	r.setLevel(release.For(release.Access))
	for _, name := range []string{"aka", "usd"} {
		require.Empty(t, r.create(fmt.Sprintf(`{"token":%q,"wallets":"open"}`, name)).Refused)
	}
	return r
}

func (r *rig) setLevel(need release.Need) {
	r.t.Helper()
	r.index++
	require.NoError(r.t, r.store.Update(r.index, func(tx *store.Tx) error { tx.SetLevel(need); return nil }))
}

// ask applies one request and returns why it is refused.
func (r *rig) ask(q command.Request) chain.Code {
	r.t.Helper()
	return r.apply(q)[0].Refused
}

// numbered is a token to ask for, told apart from others by its number.
func numbered(n int, change func(*command.MakeToken)) *command.MakeToken {
	q := &command.MakeToken{Hash: token.Hash(sha256.Sum256(fmt.Append(nil, n))), Name: fmt.Sprint("t", n), Roles: token.Read}
	if change != nil {
		change(q)
	}
	return q
}

func (r *rig) digests() (all []chain.Hash) {
	r.index++
	require.NoError(r.t, r.store.Update(r.index, func(tx *store.Tx) error {
		for _, h := range tx.Heads() {
			all = append(all, h.Digest)
		}
		return nil
	}))
	return all
}

// Before the level is active there is neither a token nor an audit log, and whoever asks
// is told why.
func TestTokensNeedTheirLevel(t *testing.T) {
	r := newRig(t)
	for _, q := range []command.Request{numbered(1, nil), &command.RevokeToken{ID: "x"}, &command.Note{Action: auditlog.Action{Who: "root", What: "x"}}} {
		a := r.apply(q)[0]
		require.Equal(t, chain.LevelNotActive, a.Refused)
		require.Contains(t, a.Detail, "it needs level 2, and 1 is active")
	}
	require.Empty(t, r.store.Tokens())
}

func TestTokensAreMadeWithinBounds(t *testing.T) {
	r := newAccessRig(t)
	now := int64(r.now / second)
	before := r.digests()
	boss := numbered(1, func(q *command.MakeToken) { q.Roles = token.Operate; q.Expires = now + 100 })
	require.Empty(t, r.ask(boss))
	require.NotEqual(t, before, r.digests(), "whoever does not know the token is another replica")
	require.Empty(t, r.ask(boss), "the same again")
	require.Len(t, r.store.Tokens(), 1)
	of := func(change func(*command.MakeToken)) chain.Code {
		return r.ask(numbered(2, func(q *command.MakeToken) { q.Parent = boss.Hash.ID(); q.Expires = now + 50; change(q) }))
	}
	require.Equal(t, chain.TokenTooBroad, of(func(q *command.MakeToken) { q.Expires = 0 }))
	require.Equal(t, chain.TokenTooBroad, of(func(q *command.MakeToken) { q.Expires = now + 101 }))
	require.Equal(t, chain.InvalidField, of(func(q *command.MakeToken) { q.Expires = now }))
	require.Equal(t, chain.InvalidField, of(func(q *command.MakeToken) { q.Roles = 0 }))
	require.Equal(t, chain.InvalidField, of(func(q *command.MakeToken) { q.Name = "" }))
	require.Equal(t, chain.ContractUnknown, of(func(q *command.MakeToken) { q.Contract = "eur" }))
	require.Equal(t, chain.IDReused, of(func(q *command.MakeToken) { q.Hash = boss.Hash }))
	require.Equal(t, chain.TokenRevoked, of(func(q *command.MakeToken) { q.Parent = "000000000000" }))
	require.Empty(t, of(func(q *command.MakeToken) { q.Contract, q.Roles = "aka", token.Operate }))

	mine := func(change func(*command.MakeToken)) chain.Code {
		return r.ask(numbered(3, func(q *command.MakeToken) {
			q.Parent, q.Expires, q.Contract = numbered(2, nil).Hash.ID(), now+50, "aka"
			change(q)
		}))
	}
	require.Equal(t, chain.TokenTooBroad, mine(func(q *command.MakeToken) { q.Contract = "" }))
	require.Equal(t, chain.TokenTooBroad, mine(func(q *command.MakeToken) { q.Contract = "usd" }))
	require.Empty(t, mine(func(*command.MakeToken) {}))
	require.Equal(t, chain.TokenTooBroad, r.ask(numbered(4, func(q *command.MakeToken) {
		q.Parent, q.Expires, q.Contract = numbered(3, nil).Hash.ID(), now+1, "aka"
	})), "a token that does not operate makes none")

	// One that is limited to a contract ends itself and what it has made.
	two, three := numbered(2, nil).Hash.ID(), numbered(3, nil).Hash.ID()
	require.Equal(t, chain.TokenUnknown, r.ask(&command.RevokeToken{ID: boss.Hash.ID(), By: two}))
	require.Empty(t, r.ask(&command.RevokeToken{ID: three, By: two}))
	require.Empty(t, r.ask(&command.RevokeToken{ID: boss.Hash.ID(), By: boss.Hash.ID()}))
	for _, k := range r.store.Tokens() {
		require.NotZero(t, k.Revoked, "revoking ends all that come from it")
	}
	require.Equal(t, chain.TokenRevoked, r.ask(&command.RevokeToken{ID: two, By: boss.Hash.ID()}))
	require.Equal(t, chain.TokenUnknown, r.ask(&command.RevokeToken{ID: "000000000000"}))
	require.True(t, r.store.OperateMade())
}

// There is room for so many that are good; others make room, at last after a month.
func TestRoomForTokens(t *testing.T) {
	r := newAccessRig(t)
	now := int64(r.now / second)
	for n := range MaxTokens {
		require.Empty(t, r.ask(numbered(n, func(q *command.MakeToken) {
			if n == 7 {
				q.Expires = now + 10
			}
		})))
	}
	require.Equal(t, chain.TokensFull, r.ask(numbered(MaxTokens, nil)))
	r.now += 20 * second
	require.Empty(t, r.ask(&command.RevokeToken{ID: numbered(8, nil).Hash.ID()}))
	require.Empty(t, r.ask(numbered(MaxTokens, nil)))
	require.Nil(t, r.store.Token(numbered(7, nil).Hash), "the one that has not been good for longest")
	require.NotNil(t, r.store.Token(numbered(8, nil).Hash))
	require.Empty(t, r.ask(&command.RevokeToken{ID: numbered(9, nil).Hash.ID()}))
	r.now += keepEnded * second
	require.Empty(t, r.ask(numbered(MaxTokens+1, nil)))
	require.Nil(t, r.store.Token(numbered(8, nil).Hash))
	require.Nil(t, r.store.Token(numbered(9, nil).Hash))
	require.Len(t, r.store.Tokens(), MaxTokens-1)
}

// A chain of a thousand tokens ends at once: what Apply takes keeps everybody waiting.
func TestManyTokensAreRevokedAtOnce(t *testing.T) {
	r := newAccessRig(t)
	parent := ""
	for n := range MaxTokens {
		q := numbered(n, func(q *command.MakeToken) { q.Roles, q.Parent = token.Operate, parent })
		require.Empty(t, r.ask(q))
		parent = q.Hash.ID()
	}
	began := time.Now()
	require.Empty(t, r.ask(&command.RevokeToken{ID: numbered(0, nil).Hash.ID()}))
	took := time.Since(began)
	t.Logf("a thousand were revoked in %v", took)
	require.Less(t, took, 500*time.Millisecond, "it takes milliseconds")
	for _, k := range r.store.Tokens() {
		require.NotZero(t, k.Revoked)
	}
}

// Whoever may not act, as the log has it, begins no action: a member that is behind does
// nothing for a token that was revoked.
func TestActionsAreNotedForWhoMayAct(t *testing.T) {
	r := newAccessRig(t)
	do := func(a auditlog.Action) command.Answer { return r.apply(&command.Note{Action: a})[0] }
	local, root := auditlog.Action{Who: auditlog.Local, What: "x"}, auditlog.Action{Who: auditlog.Root, What: "x", Subject: "of"}
	require.EqualValues(t, 1, do(local).Entry)
	require.Empty(t, r.ask(numbered(1, func(q *command.MakeToken) { q.Roles = token.Read | token.Submit })))
	require.EqualValues(t, 2, do(local).Entry)
	require.Empty(t, r.ask(numbered(2, func(q *command.MakeToken) { q.Roles, q.Expires = token.Operate, int64(r.now/second)+10 })))
	require.Equal(t, chain.TokenRequired, do(local).Refused, "there is a token for operators")
	require.EqualValues(t, 3, do(root).Entry)
	by := func(n int) auditlog.Action {
		return auditlog.Action{Who: auditlog.Token, Token: numbered(n, nil).Hash.ID(), What: "x"}
	}
	require.EqualValues(t, 4, do(by(2)).Entry)
	require.Equal(t, chain.TokenTooBroad, do(by(1)).Refused)
	require.Equal(t, chain.TokenRevoked, do(by(3)).Refused)
	require.Equal(t, chain.AuditEntryInvalid, do(auditlog.Action{Who: auditlog.Root}).Refused)
	require.Equal(t, chain.AuditEntryInvalid, r.ask(&command.Note{Of: 4, Result: "a\nb"}))
	r.now += 3 * second
	before := r.digests()
	require.Empty(t, r.ask(&command.Note{Of: 4, Result: auditlog.OK}))
	require.NotEqual(t, before, r.digests())
	require.Empty(t, r.ask(&command.Note{Of: 4, Result: "late"}), "it has ended")
	require.Empty(t, r.ask(&command.Note{Of: 40, Result: "late"}), "there is none")
	page, more := r.store.AuditLog(3, 1)
	require.True(t, more)
	require.Equal(t, []auditlog.Entry{{Number: 3, Time: page[0].Time, Action: root}}, page)
	page, more = r.store.AuditLog(4, 10)
	require.False(t, more)
	require.Len(t, page, 1)
	require.Equal(t, auditlog.OK, page[0].Result)
	require.EqualValues(t, 3*second, page[0].Ended-page[0].Time)
	r.now += 10 * second
	require.Equal(t, chain.TokenExpired, do(by(2)).Refused)
}

// The newest actions are kept, across restarts.
func TestTheAuditLogIsBounded(t *testing.T) {
	r := newAccessRig(t)
	notes := make([]command.Request, 500)
	for i := range notes {
		notes[i] = &command.Note{Action: auditlog.Action{Who: auditlog.Root, What: "x"}}
	}
	for range keptAudit/len(notes) + 1 {
		r.apply(notes...)
	}
	check := func() {
		page, more := r.store.AuditLog(0, keptAudit+1)
		require.False(t, more)
		require.Len(t, page, keptAudit)
		require.EqualValues(t, len(notes)+1, page[0].Number)
		require.EqualValues(t, len(notes)+keptAudit, page[keptAudit-1].Number)
	}
	check()
	require.NoError(t, r.store.Close())
	r.open()
	check()
	require.EqualValues(t, len(notes)+keptAudit+1, r.apply(notes[0])[0].Entry)
}

// Tokens as one would write them down by hand: what each may do is never more than what
// made it, and whatever happens to a replica they are the same.
func TestTokensAgainstAModel(t *testing.T) {
	if testing.Short() {
		t.Skip("computes: under the race detector it is dear and finds nothing")
	}
	rapid.Check(t, func(rt *rapid.T) {
		r := newReplica(rt)
		defer func() { _ = r.store.Close() }()
		r.log = append(r.log, step{}) // in place of what activates the level, so it is on the disk
		require.NoError(t, r.store.Update(1, func(tx *store.Tx) error { tx.SetLevel(release.For(release.Access)); return nil }))
		require.NoError(t, r.store.Sync(t.Context()))
		model := map[int]*token.Token{}
		now := int64(1_800_000_000)
		pick := func(name string) int { return rapid.IntRange(0, 12).Draw(rt, name) }
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			now += rapid.Int64Range(0, 5).Draw(rt, "time")
			id, parent := pick("token"), pick("parent")-6
			revoke := rapid.IntRange(0, 4).Draw(rt, "what") == 0
			var q command.Request
			made := numbered(id, func(q *command.MakeToken) {
				q.Roles = token.Roles(rapid.IntRange(1, 7).Draw(rt, "roles"))
				if rapid.Bool().Draw(rt, "ends") {
					q.Expires = now + rapid.Int64Range(1, 12).Draw(rt, "after")
				}
				if parent >= 0 {
					q.Parent = numbered(parent, nil).Hash.ID()
				}
			})
			if q = made; revoke {
				q = &command.RevokeToken{ID: made.Hash.ID()}
			}
			refused := r.apply(step{micros: chain.Micros(now * second), requests: []command.Request{q}})[0].Refused
			want := modelled(model, id, parent, made, revoke, now)
			if want == (refused != "") {
				rt.Fatalf("%+v at %d: it is refused with %q, and should be taken: %v", q, now, refused, want)
			}
			if n := rapid.IntRange(0, 4*len(disturbances)).Draw(rt, "disturbance"); n < len(disturbances) {
				disturbances[n].do(r)
			}
		}
		got := r.store.Tokens()
		require.Len(t, got, len(model))
		for _, k := range model {
			at := slices.IndexFunc(got, func(g *token.Token) bool { return g.Hash == k.Hash })
			require.Equal(t, k, got[at])
		}
	})
}

// modelled does to the model what a request is to do, and tells whether it is taken.
func modelled(model map[int]*token.Token, id, parent int, q *command.MakeToken, revoke bool, now int64) bool {
	known := model[id]
	if revoke {
		if known == nil {
			return false
		}
		ended := []string{known.ID()}
		for i := 0; i < len(ended); i++ {
			for _, k := range model {
				if k.Parent == ended[i] {
					ended = append(ended, k.ID())
				}
				if k.ID() == ended[i] && k.Revoked == 0 {
					k.Revoked = now
				}
			}
		}
		return true
	}
	if known != nil {
		return known.Roles == q.Roles && known.Expires == q.Expires && known.Parent == q.Parent
	}
	if by := model[parent]; parent >= 0 {
		if by == nil || by.Revoked > 0 || by.Expires > 0 && by.Expires <= now || by.Roles&token.Operate == 0 ||
			by.Expires > 0 && (q.Expires == 0 || q.Expires > by.Expires) {
			return false
		}
	}
	model[id] = &token.Token{Hash: q.Hash, Name: q.Name, Roles: q.Roles, Made: now, Expires: q.Expires, Parent: q.Parent}
	return true
}
