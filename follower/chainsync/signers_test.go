package chainsync

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// members are the keys of three members and, fourth, of a stranger.
type members struct {
	t    testing.TB
	keys []proof.SigningKey
}

func newMembers(t testing.TB) members {
	t.Helper()
	m := members{t: t}
	for i := range 4 {
		name, err := proof.KeyName("test", fmt.Sprintf("n%d", i+1))
		require.NoError(t, err)
		key, err := proof.NewSigningKey(name, [32]byte{byte(i + 1)})
		require.NoError(t, err)
		m.keys = append(m.keys, key)
	}
	return m
}

// policy wants two of the first three members, for those chains.
func (m members) policy(chains ...proof.Chain) *proof.Policy {
	m.t.Helper()
	return m.policyOf(0, chains...)
}

// policyOf is that of the three members from one on.
func (m members) policyOf(from int, chains ...proof.Chain) *proof.Policy {
	m.t.Helper()
	var list []proof.Cosigner
	for i := range 3 {
		k := (from + i) % len(m.keys)
		list = append(list, proof.Cosigner{Name: fmt.Sprintf("n%d", k+1), Key: m.keys[k].Verifier()})
	}
	p, err := proof.NewPolicy(list, 2, nil, 0, chains...)
	require.NoError(m.t, err)
	return p
}

// given are policies as a configuration has them.
func given(list ...*proof.Policy) (all []*proof.History) {
	for _, p := range list {
		all = append(all, proof.NewHistory(p))
	}
	return all
}

// named is the chain that has these blocks.
func named(token string, blocks [][]byte) proof.Chain {
	return proof.Chain{Token: token, ID: chain.HashBytes(blocks[0])}
}

// checkpoint is that of the whole chain.
func (m members) checkpoint(token string, blocks [][]byte) proof.Checkpoint {
	m.t.Helper()
	root, err := tlog.TreeHash(int64(len(blocks)), logOf(blocks))
	require.NoError(m.t, err)
	c := named(token, blocks)
	return proof.Checkpoint{Origin: proof.Origin(c.Token, c.ID), Size: uint64(len(blocks)), Root: chain.Hash(root)}
}

// sign is the note of the whole chain, signed with the keys of those numbers,
// counted from 0.
func (m members) sign(blocks [][]byte, keys ...int) []byte {
	m.t.Helper()
	return m.note(m.checkpoint("aka", blocks), keys...)
}

func (m members) note(c proof.Checkpoint, keys ...int) []byte {
	m.t.Helper()
	var lines []string
	for _, k := range keys {
		line, err := proof.Cosign(c.Body(), m.keys[k], 1_800_000_000)
		require.NoError(m.t, err)
		lines = append(lines, line)
	}
	note, err := proof.AssembleNote(c.Body(), lines...)
	require.NoError(m.t, err)
	return note
}

// hashLog is the log of some blocks, made anew by who asks.
type hashLog []tlog.Hash

func (l hashLog) ReadHashes(indexes []int64) (read []tlog.Hash, err error) {
	for _, i := range indexes {
		if i >= int64(len(l)) {
			return nil, fmt.Errorf("%w: node %d", chain.NotFound, i)
		}
		read = append(read, l[i])
	}
	return read, nil
}

func logOf(blocks [][]byte) tlog.HashReader {
	var l hashLog
	for i, canonical := range blocks {
		leaf, err := proof.LeafOfBlock(canonical, chain.HashBytes(canonical))
		if err != nil {
			return hashLog(nil)
		}
		added, err := tlog.StoredHashesForRecordHash(int64(i), tlog.Hash(leaf.EntryHash()), l)
		if err != nil {
			return hashLog(nil)
		}
		l = append(l, added...)
	}
	return l
}

// show makes a note the newest that u has.
func (u *upstream) show(token string, note []byte) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.notes[token] = note
	return u
}

// believe makes u show a policy.
func (u *upstream) believe(p *proof.Policy) *upstream {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.policy = []byte(p.String())
	return u
}

// signed answers what is asked about checkpoints; false for anything else.
func (u *upstream) signed(w http.ResponseWriter, r *http.Request) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	text := func(data []byte) {
		if data == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write(data)
	}
	token, what, found := strings.Cut(strings.TrimPrefix(r.URL.Path, "/v1/contracts/"), "/")
	switch {
	case r.URL.Path == "/v1/policy":
		text(u.policy)
	case r.URL.Path == "/v1/policies":
		from, _ := strconv.Atoi(r.URL.Query().Get("from"))
		var data []byte
		if u.later != nil {
			data, _ = u.later.From(from, u.page)
		}
		text(data)
	case !found:
		return false
	case what == "checkpoint":
		text(u.notes[token])
	default:
		blocks := u.log
		if blocks == nil {
			blocks = u.chains[token]
		}
		tile, err := proof.ParseTilePath(what)
		if err != nil {
			return false
		}
		data, err := proof.ReadTile(tile, uint64(len(blocks)), logOf(blocks))
		if err != nil {
			w.WriteHeader(http.StatusNotFound)
			return true
		}
		w.Header().Set("Content-Type", typeBytes)
		_, _ = w.Write(data)
	}
	return true
}
