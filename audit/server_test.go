package audit_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/audit"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/client"
)

// serve serves a chain with a checkpoint, nil for none. The block at silent, from
// 0, and those after it never come. Each takes as long as pace says.
func serve(t *testing.T, blocks [][]byte, note []byte, silent int, pace ...time.Duration) *audit.Server {
	t.Helper()
	genesis, err := chain.DecodeBlock(forge(nil, nil)[0], 0)
	require.NoError(t, err)
	contract, err := genesis.Contract.MarshalJSON()
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/contracts/aka", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"contract": json.RawMessage(contract), "length": len(blocks),
			"chain_id": chain.HashBytes(blocks[0]).String()})
	})
	mux.HandleFunc("GET /v1/contracts/aka/checkpoint", func(w http.ResponseWriter, r *http.Request) {
		if note == nil {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.URL.Query().Has("size") {
			<-r.Context().Done() // the members sign no more
			return
		}
		_, _ = w.Write(note)
	})
	mux.HandleFunc("GET /smart/chain", func(w http.ResponseWriter, r *http.Request) {
		for i, b := range blocks {
			if i == silent {
				<-r.Context().Done()
				return
			}
			for _, d := range pace {
				<-time.After(d)
			}
			fmt.Fprintf(w, "%s\n", b)
			w.(http.Flusher).Flush()
		}
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL)
	require.NoError(t, err)
	c.Pause = 200 * time.Millisecond
	return &audit.Server{Client: c, Token: "aka"}
}

func TestVerifyAServer(t *testing.T) {
	blocks := forge(nil, nil)
	note := noteOf(t, checkpointOf(t, blocks[:4]), "n1", "n2")
	report, err := audit.Verify(t.Context(), serve(t, blocks, note, -1), audit.Options{Policies: policyOf(t, "n1", "n2", "n3")})
	require.NoError(t, err)
	require.EqualValues(t, 5, report.Blocks)
	require.EqualValues(t, 4, report.Checkpoint.Size)

	report, err = audit.Verify(t.Context(), serve(t, blocks, nil, -1), audit.Options{})
	require.NoError(t, err)
	require.Nil(t, report.Checkpoint)

	bad := forge(nil, func(b *chain.Block) {
		if b.Index == 4 {
			b.Records[1].Sender = "eve"
		}
	})
	requireFound(t, serve(t, bad, note, -1), audit.Options{}, want{audit.CheckBlocks, 4, -1, nil, "transactions_root"})
}

// A whole chain may take as long as it takes, a pause in it may not.
func TestAServerThatGoesSilent(t *testing.T) {
	blocks := forge(nil, nil)
	_, err := audit.Verify(t.Context(), serve(t, blocks, nil, -1, 60*time.Millisecond), audit.Options{})
	require.NoError(t, err)
	report, err := audit.Verify(t.Context(), serve(t, blocks, nil, 3), audit.Options{})
	require.ErrorIs(t, err, client.ErrUnavailable)
	require.ErrorContains(t, err, "nothing came for 200ms")
	require.Nil(t, report.Found)
	require.EqualValues(t, 3, report.Blocks)
}

func TestExport(t *testing.T) {
	blocks := forge(nil, nil)
	note := noteOf(t, checkpointOf(t, blocks[:4]), "n1", "n2")
	var file bytes.Buffer
	var last audit.Progress
	n, err := serve(t, blocks, note, -1).Export(t.Context(), &file, func(p audit.Progress) { last = p })
	require.NoError(t, err)
	require.EqualValues(t, 4, n)
	require.Equal(t, audit.Progress{Token: "aka", Blocks: 4, Total: 4}, last)
	report, err := audit.Verify(t.Context(), &audit.File{Reader: &file, Token: "aka"}, audit.Options{})
	require.NoError(t, err)
	require.EqualValues(t, 4, report.Blocks)

	for name, c := range map[string]struct {
		server *audit.Server
		want   error
	}{
		"no checkpoint": {serve(t, blocks, nil, -1), client.ErrUnavailable},
		"fewer blocks":  {serve(t, blocks[:3], note, -1), client.ErrUnavailable},
		"other blocks": {serve(t, forge(func(b *chain.Block) {
			for i := range b.Records {
				b.Records[i].Sender = "eve"
			}
		}, nil), note, -1), proof.ErrInconsistent},
		"no blocks":       {serve(t, [][]byte{blocks[0], []byte("{}")}, note, -1), proof.ErrLeaf},
		"blocks left out": {serve(t, append(blocks[:1:1], blocks[2:]...), note, -1), proof.ErrLeaf},
		"no note":         {serve(t, blocks, []byte("x"), -1), chain.ErrInvalid},
	} {
		_, err := c.server.Export(t.Context(), &bytes.Buffer{}, nil)
		require.ErrorIs(t, err, c.want, name)
	}
}
