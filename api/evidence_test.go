package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
)

// transact sends a transfer and returns its id.
func transact(t *testing.T, f *fake, key string) chain.ID {
	t.Helper()
	rec := call(newHandler(t, f), "POST", "/v1/transactions", transferAB, "Idempotency-Key", key)
	require.Equal(t, 201, rec.Code, rec.Body)
	return chain.DeriveID([]byte(key))
}

// nodes serves the same ledger as a member and as a follower.
func nodes(t *testing.T, f *fake) map[string]http.Handler {
	return map[string]http.Handler{"member": newHandler(t, f), "follower": newFollower(t, f, newFakeNode())}
}

func TestReceiptVerifiesWithThePolicyAlone(t *testing.T) {
	f := newFake()
	var ids []chain.ID
	for i := range 5 {
		ids = append(ids, transact(t, f, fmt.Sprint("k", i)))
		if i == 2 {
			grow(f, 3)
		}
	}
	grow(f, 9)
	f.sign(t, 7)
	for name, h := range nodes(t, f) {
		for _, id := range ids {
			rec := call(h, "GET", "/v1/transactions/"+id.String()+"/receipt", "")
			require.Equal(t, 200, rec.Code, rec.Body)
			require.Equal(t, "text/plain; charset=utf-8", rec.Header().Get("Content-Type"), name)
			require.Equal(t, `attachment; filename="`+id.String()+`.tlog-proof"`, rec.Header().Get("Content-Disposition"))
			require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"))
			receipt, err := proof.ParseReceipt(rec.Body.Bytes())
			require.NoError(t, err)
			verified, err := receipt.Verify(f.policyOf(t))
			require.NoError(t, err)
			require.Equal(t, id.String(), verified.Record.ID)
			require.Equal(t, f.find("aka").outcomes[id].Block, verified.Block)
			again := call(h, "GET", "/v1/transactions/"+id.String()+"/receipt", "", "If-None-Match", rec.Header().Get("ETag"))
			require.Equal(t, 304, again.Code)
		}
	}
	f.sign(t, 9)
	before := call(newHandler(t, f), "GET", "/v1/transactions/"+ids[0].String()+"/receipt", "")
	receipt, err := proof.ParseReceipt(before.Body.Bytes())
	require.NoError(t, err)
	verified, err := receipt.Verify(f.policyOf(t))
	require.NoError(t, err)
	require.Equal(t, uint64(9), verified.Checkpoint.Size, "the newest checkpoint is the one in the receipt")
}

func TestReceiptThatCannotBeGiven(t *testing.T) {
	f := newFake()
	settled := transact(t, f, "settled")
	grow(f, 2)
	pending := transact(t, f, "pending")
	f.find("aka").outcomes[chain.DeriveID([]byte("no"))] = chain.Outcome{Refused: chain.InsufficientFunds}
	receipt := func(h http.Handler, id, query string) *httptest.ResponseRecorder {
		return call(h, "GET", "/v1/transactions/"+id+"/receipt"+query, "")
	}
	for _, h := range nodes(t, f) {
		p := requireProblem(t, receipt(h, settled.String(), ""), 503, "receipt_not_ready", "")
		require.True(t, p.Retryable)
		require.Contains(t, p.Detail, "there is no checkpoint yet")
	}
	f.sign(t, 1)
	for name, h := range nodes(t, f) {
		p := requireProblem(t, receipt(h, settled.String(), ""), 503, "receipt_not_ready", "")
		require.Contains(t, p.Detail, "in block 2")
		require.Contains(t, p.Detail, "newest checkpoint is of 1 blocks")
		require.Equal(t, settled.String(), p.ID, name)
		p = requireProblem(t, receipt(h, pending.String(), ""), 503, "receipt_not_ready", "")
		require.Contains(t, p.Detail, "in block 3")
		require.Equal(t, "", receipt(h, pending.String(), "").Header().Get("Content-Disposition"))

		p = requireProblem(t, receipt(h, chain.DeriveID([]byte("no")).String(), ""), 404, "not_found", "")
		require.Contains(t, p.Detail, "insufficient_funds")
		requireProblem(t, receipt(h, chain.DeriveID([]byte("?")).String(), ""), 404, "not_found", "")
		requireProblem(t, receipt(h, "abc", ""), 400, "invalid_field", "")
		requireProblem(t, receipt(h, settled.String(), "?wait=31s"), 400, "invalid_field", "")
		requireProblem(t, receipt(h, settled.String(), "?wait=-1s"), 400, "invalid_field", "")
		requireProblem(t, receipt(h, settled.String(), "?contract=nope"), 404, "contract_unknown", "")
	}
}

func TestReceiptWaitsForItsCheckpoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		id := transact(t, f, "k")
		h := newHandler(t, f)
		answers := make(chan *httptest.ResponseRecorder, 1)
		ask := func() { answers <- call(h, "GET", "/v1/transactions/"+id.String()+"/receipt?wait=20s", "") }
		go ask()
		synctest.Wait()
		require.Empty(t, answers)
		grow(f, 2)
		f.sign(t, 2)
		require.Equal(t, 200, (<-answers).Code)

		f.signed = signedLog{}
		start := time.Now()
		ask()
		requireProblem(t, <-answers, 503, "receipt_not_ready", "")
		require.Equal(t, 20*time.Second, time.Since(start))
	})
}

// What is stored and does not fit together is this node's fault, and no reason
// to tell a client that something is not there.
func TestReceiptFromDamagedEvidence(t *testing.T) {
	for name, damage := range map[string]func(f *fake){
		"the log cannot be read":        func(f *fake) { f.signed.broken = errors.New("disk") },
		"the log lacks a node":          func(f *fake) { f.signed.broken = chain.NotFound },
		"the block is another one":      func(f *fake) { f.chains[0].blocks[1] = f.chains[0].blocks[2] },
		"the checkpoint is none":        func(f *fake) { f.signed.note = []byte("aka\n") },
		"the checkpoint is of nonsense": func(f *fake) { f.signed.note = append([]byte("x"), f.signed.note...) },
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			id := transact(t, f, "k")
			grow(f, 3)
			f.sign(t, 3)
			damage(f)
			rec := call(newHandler(t, f), "GET", "/v1/transactions/"+id.String()+"/receipt", "")
			require.Equal(t, 500, rec.Code, rec.Body)
			require.NotContains(t, rec.Body.String(), "disk")
		})
	}
}

func TestReceiptOfANodeThatLagsBehindItsCheckpoint(t *testing.T) {
	f := newFake()
	id := transact(t, f, "k")
	grow(f, 4)
	f.sign(t, 4)
	f.chains[0].blocks = f.chains[0].blocks[:3]
	p := requireProblem(t, call(newHandler(t, f), "GET", "/v1/transactions/"+id.String()+"/receipt", ""), 503, "receipt_not_ready", "")
	require.Contains(t, p.Detail, "3 blocks of the 4")
}

func TestCheckpointIsAskedForAgain(t *testing.T) {
	f := newFake()
	grow(f, 2)
	for _, h := range nodes(t, f) {
		p := requireProblem(t, call(h, "GET", "/v1/contracts/aka/checkpoint", ""), 404, "not_found", "")
		require.Contains(t, p.Detail, "?size=1")
		requireProblem(t, call(h, "GET", "/v1/contracts/nope/checkpoint", ""), 404, "contract_unknown", "")
		requireProblem(t, call(h, "GET", "/v1/contracts/aka/checkpoint?size=0", ""), 400, "invalid_field", "")
		requireProblem(t, call(h, "GET", "/v1/contracts/aka/checkpoint?size=x", ""), 400, "invalid_field", "")
		requireProblem(t, call(h, "GET", "/v1/contracts/aka/checkpoint?size=1099511627777", ""), 400, "invalid_field", "")
	}
	f.sign(t, 1)
	for name, h := range nodes(t, f) {
		rec := call(h, "GET", "/v1/contracts/aka/checkpoint", "")
		require.Equal(t, 200, rec.Code, rec.Body)
		require.Equal(t, "text/plain; charset=utf-8", rec.Header().Get("Content-Type"))
		require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"))
		signed, err := f.policyOf(t).Verify(rec.Body.Bytes(), proof.Origin("aka", f.chainID("aka")))
		require.NoError(t, err)
		require.Equal(t, uint64(1), signed.Checkpoint.Size, name)
		tag := rec.Header().Get("ETag")
		require.Equal(t, 304, call(h, "GET", "/v1/contracts/aka/checkpoint?size=1", "", "If-None-Match", tag).Code)
		f.sign(t, 2)
		require.Equal(t, 200, call(h, "GET", "/v1/contracts/aka/checkpoint", "", "If-None-Match", tag).Code)
		f.sign(t, 1)
	}
}

func TestCheckpointOfASizeIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		grow(f, 2)
		h := newHandler(t, f)
		answers := make(chan *httptest.ResponseRecorder, 1)
		ask := func() { answers <- call(h, "GET", "/v1/contracts/aka/checkpoint?size=2", "") }
		go ask()
		synctest.Wait()
		f.sign(t, 1)
		synctest.Wait()
		require.Empty(t, answers)
		f.sign(t, 2)
		require.Equal(t, 200, (<-answers).Code)

		f.sign(t, 1)
		start := time.Now()
		ask()
		require.True(t, requireProblem(t, <-answers, 503, "behind", "").Retryable)
		require.Equal(t, DefaultConfig().ReadTimeout, time.Since(start))
	})
}

func TestPolicyIsServedAsText(t *testing.T) {
	f := newFake()
	h := newHandler(t, f)
	requireProblem(t, call(h, "GET", "/v1/policy", ""), 404, "not_found", "")
	f.signed.policy = []byte(f.policyOf(t).String())
	for _, h := range nodes(t, f) {
		for _, path := range []string{"/v1/policy", "/v1/policy?contract=aka"} {
			rec := call(h, "GET", path, "")
			require.Equal(t, 200, rec.Code)
			require.Equal(t, "no-cache", rec.Header().Get("Cache-Control"))
			p, err := proof.ParsePolicy(rec.Body.Bytes())
			require.NoError(t, err)
			require.Equal(t, f.policyOf(t).String(), p.String())
		}
		requireProblem(t, call(h, "GET", "/v1/policy?contract=nope", ""), 404, "contract_unknown", "")
	}
}

// httpTiles reads tiles as any client does.
func httpTiles(t *testing.T, url string) proof.Fetch {
	return func(ctx context.Context, path string) ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/contracts/aka/"+path, nil)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		require.NoError(t, err)
		if resp.StatusCode == 404 {
			return nil, proof.ErrTileMissing
		}
		require.Equal(t, 200, resp.StatusCode, string(body))
		return body, nil
	}
}

func TestTilesLeadToTheCheckpointsRoot(t *testing.T) {
	f := newFake()
	grow(f, 300)
	f.sign(t, 290)
	for name, h := range nodes(t, f) {
		server := httptest.NewServer(h)
		defer server.Close()
		signed, err := proof.ReadCheckpoint(f.signed.note)
		require.NoError(t, err)
		tiles := proof.TileHashes(t.Context(), signed.Size, signed.Root, httpTiles(t, server.URL))
		for _, index := range []int64{0, 1, 255, 256, 289} {
			got, err := tiles.ReadHashes([]int64{tlog.StoredHashIndex(0, index)})
			require.NoError(t, err, name)
			leaf, err := proof.LeafOfBlock(f.chains[0].blocks[index], chain.HashBytes(f.chains[0].blocks[index]))
			require.NoError(t, err)
			require.Equal(t, leaf.EntryHash(), chain.Hash(got[0]))
			path, err := proof.ProveInclusion(signed.Size, uint64(index), tiles)
			require.NoError(t, err)
			require.NoError(t, proof.CheckInclusion(signed, &leaf, path))
		}
	}
}

func TestEntryBundlesAreTheLeaves(t *testing.T) {
	f := newFake()
	grow(f, 300)
	for _, h := range nodes(t, f) {
		for _, tc := range []struct {
			path  string
			first uint64
			width int
		}{{"000", 0, 256}, {"000.p/7", 0, 7}, {"001.p/44", 256, 44}} {
			rec := call(h, "GET", "/v1/contracts/aka/tile/entries/"+tc.path, "")
			require.Equal(t, 200, rec.Code, rec.Body)
			leaves, err := proof.DecodeBundle(rec.Body.Bytes(), tc.first, tc.width)
			require.NoError(t, err)
			for i, leaf := range leaves {
				require.Equal(t, chain.HashBytes(f.chains[0].blocks[int(tc.first)+i]), leaf.Hash)
			}
		}
	}
}

func TestTilesAreKeptForEver(t *testing.T) {
	f := newFake()
	grow(f, 300)
	h := newHandler(t, f)
	of := "?chain=" + chain.HashBytes(f.chains[0].blocks[0]).String()
	for _, path := range []string{"0/000", "0/001.p/44", "1/000.p/1", "entries/000", "entries/001.p/3"} {
		require.Equal(t, "no-cache", call(h, "GET", "/v1/contracts/aka/tile/"+path, "").Header().Get("Cache-Control"))
		requireProblem(t, call(h, "GET", "/v1/contracts/aka/tile/"+path+"?chain="+chain.Hash{7}.String(), ""), 409, "chain_other", "")
		path += of
		rec := call(h, "GET", "/v1/contracts/aka/tile/"+path, "")
		require.Equal(t, 200, rec.Code, rec.Body)
		require.Equal(t, "application/octet-stream", rec.Header().Get("Content-Type"))
		require.Equal(t, "public, max-age=31536000, immutable", rec.Header().Get("Cache-Control"))
		require.NotContains(t, rec.Header(), "Bpsc-Applied-Index")
		grow(f, len(f.chains[0].blocks)+1)
		require.Equal(t, rec.Body.Bytes(), call(h, "GET", "/v1/contracts/aka/tile/"+path, "").Body.Bytes())
		again := call(h, "GET", "/v1/contracts/aka/tile/"+path, "", "If-None-Match", rec.Header().Get("ETag"))
		require.Equal(t, 304, again.Code)
	}
}

func TestTilesThatThereAreNone(t *testing.T) {
	f := newFake()
	grow(f, 300)
	for _, h := range nodes(t, f) {
		for _, tc := range []struct {
			path, code string
			status     int
		}{
			{"0/001", "tile_missing", 404},
			{"0/001.p/45", "tile_missing", 404},
			{"0/002", "tile_missing", 404},
			{"1/000.p/2", "tile_missing", 404},
			{"9/000", "tile_missing", 404},
			{"entries/001", "tile_missing", 404},
			{"entries/x123/456", "tile_missing", 404},
			{"0/1", "tile_path_malformed", 400},
			{"0/000.p/0", "tile_path_malformed", 400},
			{"0/000.p/256", "tile_path_malformed", 400},
			{"0/000.p/07", "tile_path_malformed", 400},
			{"0/x000/000", "tile_path_malformed", 400},
			{"00/000", "tile_path_malformed", 400},
			{"-1/000", "tile_path_malformed", 400},
			{"64/000", "tile_path_malformed", 400},
			{"data/000", "tile_path_malformed", 400},
			{"8/0/000", "tile_path_malformed", 400},
			{"0/000/", "tile_path_malformed", 400},
			{"0/%30%30%30", "tile_path_malformed", 400},
			{"..%2f0/000", "tile_path_malformed", 400},
			{"", "tile_path_malformed", 400},
		} {
			rec := call(h, "GET", "/v1/contracts/aka/tile/"+tc.path, "")
			requireProblem(t, rec, tc.status, tc.code, "")
			require.Equal(t, "no-store", rec.Header().Get("Cache-Control"), "it may be there later")
		}
		requireProblem(t, call(h, "GET", "/v1/contracts/nope/tile/0/000", ""), 404, "contract_unknown", "")
	}
}

func TestBundlesTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		grow(f, 3)
		s, err := newServer(DefaultConfig(), f, f)
		require.NoError(t, err)
		for range maxBundles {
			s.bundling <- struct{}{}
		}
		tile, err := proof.ParseTilePath("tile/entries/000.p/3")
		require.NoError(t, err)
		_, err = s.bundle(t.Context(), "aka", tile)
		require.ErrorIs(t, err, problem.Behind)
		<-s.bundling
		_, err = s.bundle(t.Context(), "aka", tile)
		require.NoError(t, err)
		require.Len(t, s.bundling, maxBundles-1, "the place is given back")
	})
}
