package backup

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/fsm"
	"github.com/bpsc/bpsc/store"
)

// world is a cluster of one machine, and a node that serves its chain.
type world struct {
	t       testing.TB
	store   *store.Store
	machine *fsm.Machine
	url     string
	now     int64
	paid    int
	lies    func(index uint64, canonical []byte) []byte // nil: it serves what there is
}

const token = "aka"

func newWorld(t testing.TB) *world {
	s, err := store.Open(store.Config{Dir: filepath.Join(t.TempDir(), "state"), LayerBytes: 4 << 10})
	require.NoError(t, err)
	w := &world{t: t, store: s, machine: fsm.New(s), now: 1_800_000_000_000_000}
	t.Cleanup(func() { _ = s.Close() })
	w.apply(&command.Create{Contract: []byte(`{"token":"aka","wallets":"open","schedule":{"transactions":2}}`)})
	server := httptest.NewServer(w)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

func (w *world) apply(r command.Request) {
	w.now += 1_000_000
	_, err := w.machine.Apply(w.store.AppliedIndex()+1, w.now, [][]byte{command.Encode(r)})
	require.NoError(w.t, err)
}

// pay makes that many transfers: two of them are a block.
func (w *world) pay(count int) {
	for range count {
		w.paid++
		w.apply(&command.Submit{Token: token, Transactions: []chain.Transaction{{
			ID: chain.DeriveID(fmt.Append(nil, w.paid)), Sender: "alice", Recipient: "bob", Amount: 1_000_000,
		}}})
	}
}

func (w *world) length() uint64 {
	info, err := w.store.Contract(token)
	require.NoError(w.t, err)
	return info.Length
}

// ServeHTTP is a node, as far as a copy of its chain asks.
func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	info, err := w.store.Contract(token)
	require.NoError(w.t, err)
	text, err := info.Contract.MarshalJSON()
	require.NoError(w.t, err)
	contract := map[string]any{"token": token, "contract": json.RawMessage(text), "chain_id": info.ID, "length": info.Length}
	switch r.URL.Path {
	case "/v1/contracts":
		_ = json.NewEncoder(rw).Encode(map[string]any{"items": []any{contract}})
	case "/v1/contracts/aka":
		_ = json.NewEncoder(rw).Encode(contract)
	case "/v1/contracts/aka/checkpoint":
		_, _ = rw.Write(w.note(info))
	case "/v1/policy":
		_, _ = rw.Write([]byte("policy\n"))
	case "/smart/chain":
		from, _ := strconv.ParseUint(r.URL.Query().Get("from"), 10, 64)
		limit, _ := strconv.ParseUint(r.URL.Query().Get("limit"), 10, 64)
		_ = w.store.Blocks(token, from, limit, func(index uint64, canonical []byte) error {
			if w.lies != nil {
				canonical = w.lies(index, bytes.Clone(canonical))
			}
			_, err := rw.Write(append(bytes.Clone(canonical), '\n'))
			return err
		})
	default:
		http.NotFound(rw, r)
	}
}

// note is a checkpoint of all there is, signed by one member.
func (w *world) note(info chain.Info) []byte {
	var log chain.RootBuilder
	require.NoError(w.t, w.store.Blocks(token, 1, 0, func(_ uint64, canonical []byte) error {
		leaf, err := proof.LeafOfBlock(canonical, chain.HashBytes(canonical))
		log.Add(proof.AppendLeaf(nil, &leaf))
		return err
	}))
	c := proof.Checkpoint{Origin: proof.Origin(token, info.ID), Size: info.Length, Root: log.Root()}
	name, err := proof.KeyName("", "n1")
	require.NoError(w.t, err)
	key, err := proof.NewSigningKey(name, [32]byte{1})
	require.NoError(w.t, err)
	line, err := proof.Cosign(c.Body(), key, 1_800_000_000)
	require.NoError(w.t, err)
	note, err := proof.AssembleNote(c.Body(), line)
	require.NoError(w.t, err)
	return note
}

func (w *world) source() Source {
	return Source{State: w.store, Dir: filepath.Join(w.t.TempDir(), "backup"), Member: "n1", Version: "test", Cluster: "c1", Members: []string{"n1"}}
}

// backUp writes the state.
func (w *world) backUp() ([]byte, Manifest) {
	var out bytes.Buffer
	m, err := WriteState(w.t.Context(), &out, w.source(), begin())
	require.NoError(w.t, err)
	return out.Bytes(), m
}

// clock grows, so that backups have an order.
var clock = time.Date(2026, 11, 28, 16, 0, 0, 0, time.UTC)

func begin() Begin {
	clock = clock.Add(time.Second)
	return Begin{By: "n1", Version: "test", Taken: clock}
}

// copy puts the chain into a place, all of it or since the last copy there.
func (w *world) copy(to Place, incremental bool) (Manifest, error) {
	var before *Manifest
	if incremental {
		entries, err := List(w.t.Context(), to, false)
		require.NoError(w.t, err)
		last, ok := LastOf(entries, token)
		require.True(w.t, ok)
		before = &last.Manifest
	}
	c, err := client.New(w.url)
	require.NoError(w.t, err)
	b := begin()
	n, err := BeginCopy(w.t.Context(), c, "", before, b)
	if err != nil {
		return Manifest{}, err
	}
	return Put(w.t.Context(), to, ChainName(n.Range(), b.Taken), n.Begin(), func(ctx context.Context, a *Writer) (Manifest, error) {
		return n.Write(ctx, a, nil)
	})
}

// verify verifies the newest series of a place.
func verify(t testing.TB, p Place) (audit.Report, error) {
	entries, err := List(t.Context(), p, false)
	require.NoError(t, err)
	last, ok := LastOf(entries, token)
	require.True(t, ok)
	series, err := SeriesOf(entries, last)
	if err != nil {
		return audit.Report{}, err
	}
	return VerifySeries(t.Context(), OpenSeries(p, series), audit.Options{})
}

func names(t testing.TB, p Folder) (all []string) {
	entries, err := os.ReadDir(string(p))
	require.NoError(t, err)
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}
