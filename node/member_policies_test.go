package node

import (
	"crypto/ed25519"
	"encoding/base64"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// ledgerOf is a machine with members whose keys a test has.
type ledgerOf struct {
	t *testing.T
	*fsm.Machine
	store *store.Store
	keys  map[string]proof.SigningKey // by identity
}

func newLedgerOf(t *testing.T) *ledgerOf {
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), folder.State)})
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return &ledgerOf{t: t, Machine: fsm.New(s), store: s, keys: map[string]proof.SigningKey{}}
}

func (l *ledgerOf) order(q command.Request) {
	l.t.Helper()
	result, err := l.Apply(l.AppliedIndex()+1, 1_800_000_000_000_000, [][]byte{command.Encode(q)})
	require.NoError(l.t, err)
	a, err := command.DecodeAnswer(result(0))
	require.NoError(l.t, err)
	require.Empty(l.t, a.Refused, a.Detail)
}

func (l *ledgerOf) configure(voters ...string) {
	l.t.Helper()
	require.NoError(l.t, l.Configure(l.AppliedIndex()+1, voters, nil))
}

func (l *ledgerOf) announce(member, name string) {
	l.t.Helper()
	text, err := proof.KeyName("", name)
	require.NoError(l.t, err)
	key, err := proof.NewSigningKey(text, chain.DeriveID([]byte(member)))
	require.NoError(l.t, err)
	l.keys[member] = key
	l.order(&command.Announce{Member: member, URL: "http://" + name, Key: key.String()})
}

func (l *ledgerOf) attest(size uint64, members ...string) {
	l.t.Helper()
	info, err := l.store.Contract("aka")
	require.NoError(l.t, err)
	root, err := tlog.TreeHash(int64(size), l.store.LogHashes("aka"))
	require.NoError(l.t, err)
	body := proof.Checkpoint{Origin: proof.Origin("aka", info.ID), Size: size, Root: chain.Hash(root)}.Body()
	for _, m := range members {
		line, err := proof.Cosign(body, l.keys[m], 1_800_000_000)
		require.NoError(l.t, err)
		l.order(&command.Attest{Token: "aka", Attestation: chain.Attestation{Member: m, Size: size, Root: chain.Hash(root), Cosignature: line}})
	}
}

func (l *ledgerOf) endorse(number int, members ...string) {
	l.t.Helper()
	all, _, err := NewEvidence(l.store, nil, 0).Handovers()
	require.NoError(l.t, err)
	for _, m := range members {
		line, err := proof.Cosign(all[number-2].Body(), l.keys[m], 1_800_000_000)
		require.NoError(l.t, err)
		l.order(&command.Endorse{Number: uint64(number), Member: m, Cosignature: line})
	}
}

// Whoever knows the first policy verifies all checkpoints, each by the policy of its time,
// by what a member serves.
func TestTheHistoryOfPoliciesLeadsFromTheFirstToTheNewest(t *testing.T) {
	const joined = "n2~0123456789abcdef0123456789abcdef"
	l := newLedgerOf(t)
	e := NewEvidence(l.store, nil, 0)
	_, err := e.Policies("", 0)
	require.ErrorIs(t, err, chain.NotFound)
	_, err = e.Policy("")
	require.ErrorIs(t, err, chain.NotFound)
	l.configure("n1", "n2")
	l.announce("n1", "n1")
	_, err = e.Policies("", 0)
	require.ErrorContains(t, err, "n2 has not announced its key")
	l.announce("n2", "n2")
	l.order(&command.Create{Contract: []byte(`{"token":"aka","wallets":"open","on_request":true}`)})
	l.attest(1, "n1", "n2")
	before, err := e.Checkpoint("aka")
	require.NoError(t, err)

	require.NoError(t, l.Configure(l.AppliedIndex()+1, []string{"n1", "n2"}, []string{joined}))
	l.announce(joined, "n2")
	l.configure("n1", joined)
	text, err := e.Policies("", 0)
	require.NoError(t, err)
	history, err := proof.ParseHistory(text)
	require.NoError(t, err)
	require.Len(t, history.Stages(), 1, "nobody has signed the handover")
	l.endorse(2, "n1", "n2")
	again, err := e.Checkpoint("aka")
	require.NoError(t, err)
	require.Equal(t, before, again, "the newest there is, by the policy before")
	l.order(&command.Produce{Token: "aka"})
	l.attest(2, "n1", joined)
	after, err := e.Checkpoint("aka")
	require.NoError(t, err)
	key := l.keys[joined]
	e.key = &key
	signed, err := e.Checkpoint("aka")
	require.NoError(t, err)
	require.Len(t, signed, len(after)+len("\u2014 bpsc/aka/0123456789abcdef \n")+base64.StdEncoding.EncodedLen(4+ed25519.SignatureSize))
	after = signed

	text, err = e.Policies("", 1)
	require.NoError(t, err)
	history, err = proof.ParseHistory(text)
	require.NoError(t, err)
	for size, note := range map[uint64][]byte{1: before, 2: after} {
		c, err := history.Verify(note, "")
		require.NoError(t, err)
		require.Equal(t, size, c.Checkpoint.Size)
		require.Equal(t, size == 2, slices.Equal([]string{"n2"}, c.Log))
	}
	everyChain, err := e.Policy("")
	require.NoError(t, err)
	require.NotContains(t, string(everyChain), "aka")
	_, err = e.Policy("gold")
	require.ErrorIs(t, err, chain.ContractUnknown)
	newest, err := e.Policy("aka")
	require.NoError(t, err)
	p, err := proof.ParsePolicy(newest)
	require.NoError(t, err)
	require.Equal(t, history.Newest().Hash(), p.Hash())
	require.Equal(t, "http://n2", p.Members()[1].URL)
	require.Len(t, p.Chains(), 1)
	require.Equal(t, "http://n2", e.url("n2"))

	text, err = e.Policies("", 2)
	require.NoError(t, err)
	history, err = proof.ParseHistory(text)
	require.NoError(t, err)
	require.Len(t, history.Stages(), 1)
	require.Equal(t, p.Hash(), history.Newest().Hash())
	_, err = e.Policies("", 3)
	require.ErrorIs(t, err, chain.NotFound)
}

// Witnesses that are asked, and of whom nobody is required, are in no policy.
func TestWitnessesNobodyWaitsForAreInNoPolicy(t *testing.T) {
	l := newLedgerOf(t)
	l.configure("n1")
	l.announce("n1", "n1")
	text, err := proof.KeyName("", "w1")
	require.NoError(t, err)
	key, err := proof.NewSigningKey(text, chain.DeriveID([]byte("w1")))
	require.NoError(t, err)
	asked := []proof.Cosigner{{Name: "w1", Key: key.Verifier(), URL: "http://w1"}}

	without, err := NewEvidence(l.store, nil, 0).Policy("")
	require.NoError(t, err)
	got, err := NewEvidence(l.store, asked, 0).Policy("")
	require.NoError(t, err)
	require.Equal(t, without, got)
	got, err = NewEvidence(l.store, asked, 1).Policy("")
	require.NoError(t, err)
	require.NotEqual(t, without, got)
}
