package witness

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// Whoever spoke for a chain first keeps it, over restarts, unless a policy
// names it.
func TestNoOtherClusterTakesAChainOver(t *testing.T) {
	one, other, h, dir := newCluster(t, "one"), newCluster(t, "other"), grow(t, 9, 9, ""), t.TempDir()
	w, err := New(config(t, dir, one.log(t, "one"), other.log(t, "other")))
	require.NoError(t, err)
	requireCosigned(t, h.at(t, 1, 4), post(w, other.body(t, h, 0, 4)))
	require.Equal(t, http.StatusForbidden, post(w, one.body(t, h, 4, 9)).Code)
	require.NoError(t, w.Close())

	w, err = New(config(t, dir, one.log(t, "one"), other.log(t, "other")))
	require.NoError(t, err)
	require.Equal(t, http.StatusForbidden, post(w, one.body(t, h, 4, 8)).Code)
	requireCosigned(t, h.at(t, 1, 8), post(w, other.body(t, h, 4, 8)))
	require.NoError(t, w.Close())

	w, err = New(config(t, dir, one.log(t, "one")))
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, post(w, one.body(t, h, 8, 9)).Code)
	require.NoError(t, w.Close())

	w = newWitness(t, dir, other.log(t, "other"), one.log(t, "one", 1))
	require.Equal(t, http.StatusForbidden, post(w, other.body(t, h, 8, 9)).Code)
	requireConflict(t, 8, post(w, one.body(t, h, 0, 9)))
	requireCosigned(t, h.at(t, 1, 9), post(w, one.body(t, h, 8, 9)))
}

// What a witness has seen is the members', whatever the file of their policy is
// called, and stays theirs while most of them do.
func TestAPolicyThatMovesKeepsItsChains(t *testing.T) {
	ours, h, dir := newCluster(t, "ours"), grow(t, 9, 9, ""), t.TempDir()
	w, err := New(config(t, dir, ours.log(t, strings.Repeat("a/long/way/", 40)+"policy")))
	require.NoError(t, err)
	requireCosigned(t, h.at(t, 1, 4), post(w, ours.body(t, h, 0, 4)))
	require.NoError(t, w.Close())

	w, err = New(config(t, dir, ours.log(t, "policy")))
	require.NoError(t, err)
	requireConflict(t, 4, post(w, ours.body(t, h, 0, 6)))
	requireCosigned(t, h.at(t, 1, 6), post(w, ours.body(t, h, 4, 6)))
	require.NoError(t, w.Close())

	// n3 has been replaced, and then n1 and n2 as well.
	changed := &cluster{keys: append(slices.Clone(ours.keys[:2]), newCluster(t, "new").keys[2])}
	w, err = New(config(t, dir, changed.log(t, "policy")))
	require.NoError(t, err)
	requireCosigned(t, h.at(t, 1, 7), post(w, changed.body(t, h, 6, 7)))
	require.NoError(t, w.Close())

	strangers := &cluster{keys: append(slices.Clone(newCluster(t, "new").keys[:2]), ours.keys[0])}
	w, err = New(config(t, dir, strangers.log(t, "policy")))
	require.NoError(t, err)
	require.Equal(t, http.StatusNotFound, post(w, strangers.body(t, h, 7, 8)).Code)
	require.NoError(t, w.Close())

	w = newWitness(t, dir, strangers.log(t, "policy", 1)) // unless their policy names the chain
	requireCosigned(t, h.at(t, 1, 8), post(w, strangers.body(t, h, 7, 8)))
}

func TestOfManyLogsTheOneThatSignedCounts(t *testing.T) {
	one, other, h := newCluster(t, "one"), newCluster(t, "other"), grow(t, 9, 9, "")
	w := newWitness(t, t.TempDir(), one.log(t, "one", 7), one.log(t, "open"), other.log(t, "other"))
	requireCosigned(t, h.at(t, 1, 4), post(w, other.body(t, h, 0, 4)))
	q := request{note: other.sign(t, h.at(t, 7, 4), 0, 1, 2)}
	require.Equal(t, http.StatusForbidden, post(w, string(q.encode())).Code)
	q = request{note: newCluster(t, "stranger").sign(t, h.at(t, 9, 4), 0, 1, 2)}
	require.Equal(t, http.StatusForbidden, post(w, string(q.encode())).Code)
}

// Members whose policy names no chains cannot fill the disk with them.
func TestChainsNobodyNamedAreBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("signs and verifies as often as there may be chains")
	}
	ours, h := newCluster(t, "ours"), grow(t, 2, 2, "")
	w := newWitness(t, t.TempDir(), ours.log(t, "ours"))
	send := func(n int) int {
		c := h.at(t, 1, 2)
		c.Origin = proof.Origin("aka", chain.Hash{byte(n >> 8), byte(n), 1})
		q := request{old: 1, path: h.path(1, 2), note: ours.sign(t, c, 0, 1)}
		return post(w, string(q.encode())).Code
	}
	for n := range maxOrigins {
		require.Equal(t, http.StatusConflict, send(n))
	}
	require.Equal(t, http.StatusForbidden, send(maxOrigins))
	require.Equal(t, http.StatusConflict, send(0))
}

// A policy may ask for witnesses; this one does not wait for the others.
func TestWitnessesOfAPolicyDoNotCountHere(t *testing.T) {
	ours, h := newCluster(t, "ours"), grow(t, 4, 4, "")
	key := witnessKey(t).Verifier()
	p, err := proof.NewPolicy(ours.log(t, "ours").Policies.First().Members(), 2, []proof.Cosigner{{Name: "w1", Key: key}}, 1)
	require.NoError(t, err)
	w := newWitness(t, t.TempDir(), Log{Name: "ours", Policies: proof.NewHistory(p)})
	requireCosigned(t, h.at(t, 1, 4), post(w, ours.body(t, h, 0, 4)))
}

func TestConfigRefuses(t *testing.T) {
	ours := newCluster(t, "ours")
	require.NoError(t, config(t, "x", ours.log(t, "a", 1), ours.log(t, "b", 2), ours.log(t, "c")).Validate())
	require.Error(t, DefaultConfig().Validate())
	member, err := proof.NewPolicy([]proof.Cosigner{{Name: "n1", Key: witnessKey(t).Verifier()}}, 1, nil, 0)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		spoil func(*Config)
		want  string
	}{
		"no folder":      {func(c *Config) { c.Dir = "" }, "a folder"},
		"no key":         {func(c *Config) { c.Key = proof.SigningKey{} }, "a key"},
		"no clock":       {func(c *Config) { c.Now = nil }, "a clock"},
		"no logger":      {func(c *Config) { c.Logger = nil }, "a logger"},
		"no log":         {func(c *Config) { c.Logs = nil }, "0 logs"},
		"too many logs":  {func(c *Config) { c.Logs = make([]Log, maxLogs+1) }, "101 logs"},
		"a log twice":    {func(c *Config) { c.Logs = append(c.Logs, c.Logs[0]) }, "is named by the logs"},
		"no policy":      {func(c *Config) { c.Logs[0].Policies = nil }, "has no policy"},
		"a chain twice":  {func(c *Config) { c.Logs = append(c.Logs, ours.log(t, "b", 2, 1)) }, `is named by the logs "a" and "b"`},
		"a member's key": {func(c *Config) { c.Logs[0].Policies = proof.NewHistory(member) }, "nobody is a witness of itself"},
	} {
		cfg := config(t, "x", ours.log(t, "a", 1))
		c.spoil(&cfg)
		require.ErrorContains(t, cfg.Validate(), c.want, name)
		_, err := New(cfg)
		require.ErrorContains(t, err, c.want, name)
	}
}
