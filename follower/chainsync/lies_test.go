package chainsync

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/protocol"
)

// abort makes a server drop the connection.
var abort = http.ErrAbortHandler

// forge replaces block 5 of an honest chain.
func forge(how func(honest []byte) []byte) func(*upstream) {
	return func(u *upstream) {
		u.line = func(index uint64, honest []byte) []byte {
			if index == 5 {
				return how(honest)
			}
			return honest
		}
	}
}

// replace changes the first match of a pattern.
func replace(pattern, with string) func(*upstream) {
	expression := regexp.MustCompile(pattern)
	return forge(func(honest []byte) []byte {
		place := expression.FindIndex(honest)
		forged := append(bytes.Clone(honest[:place[0]]), with...)
		return append(forged, honest[place[1]:]...)
	})
}

// instead answers every question for blocks with something else.
func instead(answer func(u *upstream, w http.ResponseWriter, r *http.Request)) func(*upstream) {
	return func(u *upstream) {
		u.stream = func(w http.ResponseWriter, r *http.Request, _ uint64) bool {
			answer(u, w, r)
			return true
		}
	}
}

// cut ends an answer of many blocks in the middle of one.
func cut(u *upstream) {
	u.stream = func(w http.ResponseWriter, _ *http.Request, from uint64) bool {
		blocks, _ := u.look("aka")
		if from == 1 || from >= uint64(len(blocks)) {
			return false
		}
		w.Header().Set("Content-Type", typeLines)
		_, _ = w.Write(append(bytes.Clone(blocks[from-1]), '\n'))
		_, _ = w.Write(blocks[from][:20])
		return true
	}
}

// short says that it has more than it gives.
func short(u *upstream) {
	u.stream = func(w http.ResponseWriter, _ *http.Request, from uint64) bool {
		blocks, _ := u.look("aka")
		if from == 1 {
			return false
		}
		w.Header().Set("Content-Type", typeLines)
		w.Header().Set(protocol.ChainLength, fmt.Sprint(len(blocks)))
		_, _ = w.Write(append(bytes.Clone(blocks[min(from, uint64(len(blocks)))-1]), '\n'))
		return true
	}
}

// endless never ends.
func endless(_ *upstream, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", typeLines)
	for r.Context().Err() == nil {
		if _, err := w.Write([]byte("{}\n")); err != nil {
			return
		}
	}
}

// gigabyte is one line of that length.
func gigabyte(_ *upstream, w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", typeLines)
	chunk := bytes.Repeat([]byte("x"), 1<<20)
	for range 1 << 10 {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
	_, _ = w.Write([]byte("\n"))
}

// drip sends a byte now and then.
func drip(u *upstream, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", typeLines)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	blocks, _ := u.look("aka")
	for _, b := range blocks[0] {
		select {
		case <-tick.C:
		case <-r.Context().Done():
			return
		}
		if _, err := w.Write([]byte{b}); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
	}
	<-r.Context().Done()
}

func TestLiesAreRefused(t *testing.T) {
	honest := newCluster(t)
	honest.create("aka", 12)
	// A cluster that went another way after block 4, and one that began later.
	fork := newCluster(t)
	fork.create("aka", 4)
	for range 10 {
		fork.grow("aka", 1)
	}
	other := newCluster(t)
	other.now++
	other.create("aka", 14)
	require.Equal(t, honest.blocks("aka")[3], fork.blocks("aka")[3])
	require.NotEqual(t, honest.blocks("aka")[4], fork.blocks("aka")[4])

	for _, c := range []struct {
		name     string
		stored   int // blocks that the node has before it meets the liar
		lie      func(*upstream)
		why      Reason
		evidence string // the height it is for; "": none is kept
	}{
		{"blocks out of order", 0, func(u *upstream) {
			blocks, _ := u.look("aka")
			u.line = func(i uint64, b []byte) []byte {
				switch i {
				case 5:
					return blocks[5]
				case 6:
					return blocks[4]
				}
				return b
			}
		}, InvalidBlock, "5"},
		{"a changed amount", 0, replace(`"amount_send": 12.5`, `"amount_send": 13.5`), InvalidBlock, "5"},
		{"a changed timestamp", 0, replace(`"timestamp": (\d+)`, `"timestamp": 1800000777`), InvalidBlock, "6"},
		{"a changed timestamp of the genesis block", 0, func(u *upstream) {
			u.line = func(i uint64, b []byte) []byte {
				if i == 1 {
					return bytes.Replace(b, []byte(`"timestamp": 18`), []byte(`"timestamp": 17`), 1)
				}
				return b
			}
		}, InvalidBlock, "2"},
		{"a wrong fee", 0, replace(`"amount_bpsc": 0.00062`, `"amount_bpsc": 0.00061`), InvalidBlock, "5"},
		{"a wrong root", 0, replace(`"transactions_root": "[0-9a-f]{4}`, `"transactions_root": "ffff`), InvalidBlock, "5"},
		{"wrong totals", 0, replace(`"burned": 0`, `"burned": 1`), InvalidBlock, "6"},
		{"a transaction that stood before", 0, func(u *upstream) {
			blocks, _ := u.look("aka")
			forged := again(t, blocks)
			u.line = func(i uint64, b []byte) []byte {
				if i >= 5 {
					return forged[i-5]
				}
				return b
			}
		}, InvalidBlock, "5"},
		{"a key that does not belong", 0, replace(`\{"index"`, `{"extra": 1, "index"`), NotCanonical, "5"},
		{"spaces", 0, replace(`, "previous_hash"`, `,  "previous_hash"`), NotCanonical, "5"},
		{"keys in another order", 0, replace(`"index": 5, "previous_hash": ("[0-9a-f]+")`, `"previous_hash": "1", "index": 5`), NotCanonical, "5"},
		{"no JSON", 0, forge(func([]byte) []byte { return []byte("\xff\xfe") }), NotCanonical, "5"},
		{"a shorter chain", 0, func(u *upstream) { u.put("aka", honest.blocks("aka")[:7]) }, Behind, ""},
		{"a shorter chain than ours", 9, func(u *upstream) { u.put("aka", honest.blocks("aka")[:7]) }, Behind, ""},
		{"another chain", 7, func(u *upstream) { u.put("aka", other.blocks("aka")) }, OtherChain, "1"},
		{"another chain, shorter than ours", 7, func(u *upstream) { u.put("aka", other.blocks("aka")[:3]) }, OtherChain, "1"},
		{"a second history", 7, func(u *upstream) { u.put("aka", fork.blocks("aka")) }, SecondHistory, "7"},
		{"a second history from the next block on", 7, func(u *upstream) {
			blocks := fork.blocks("aka")
			u.line = func(i uint64, b []byte) []byte {
				if i > 7 {
					return blocks[i-1]
				}
				return b
			}
		}, InvalidBlock, "8"},
		{"a second history that changes under way", 7, func(u *upstream) {
			mine, theirs := honest.blocks("aka"), fork.blocks("aka")
			met := false
			u.line = func(i uint64, b []byte) []byte {
				u.mu.Lock()
				defer u.mu.Unlock()
				if i == 7 && !met {
					met = true
					return mine[6]
				}
				return theirs[i-1]
			}
		}, SecondHistory, "7"},
		{"a second history of which it hides the beginning", 7, func(u *upstream) {
			theirs, met := fork.blocks("aka"), false
			u.line = func(i uint64, b []byte) []byte {
				if i < 8 {
					return b
				}
				return theirs[i-1]
			}
			u.stream = func(w http.ResponseWriter, _ *http.Request, from uint64) bool {
				u.mu.Lock()
				defer u.mu.Unlock()
				if from != 7 || !met {
					met = met || from == 7
					return false
				}
				w.WriteHeader(http.StatusInternalServerError)
				return true
			}
		}, SecondHistory, "8"},
		{"another block at our height, which is not good", 7, func(u *upstream) {
			u.line = func(i uint64, b []byte) []byte {
				if i == 7 {
					return bytes.Replace(b, []byte(`"burned": 0`), []byte(`"burned": -1`), 1)
				}
				return b
			}
		}, NotCanonical, "7"},
		{"a block of another height at ours", 7, func(u *upstream) {
			blocks, _ := u.look("aka")
			u.line = func(i uint64, b []byte) []byte {
				if i == 7 {
					return blocks[5]
				}
				return b
			}
		}, InvalidBlock, "7"},
		{"another chain that does not verify", 7, func(u *upstream) {
			u.put("aka", other.blocks("aka"))
			u.line = func(i uint64, b []byte) []byte {
				if i == 1 {
					return bytes.Replace(b, []byte(`"issued": 0`), []byte(`"issued": 1`), 1)
				}
				return b
			}
		}, InvalidBlock, "1"},
		{"a stream cut in a block", 0, cut, Truncated, ""},
		{"fewer blocks than it says", 0, short, Truncated, ""},
		{"a longer chain than it has", 0, func(u *upstream) { u.claim = func(n uint64) uint64 { return n + 1_000 } }, Truncated, ""},
		{"a connection that breaks", 0, func(u *upstream) {
			u.line = func(i uint64, b []byte) []byte {
				if i == 6 {
					panic(abort)
				}
				return b
			}
		}, Truncated, ""},
		{"a stream without end", 0, instead(endless), Endless, ""},
		{"a line of a gigabyte", 0, instead(gigabyte), LineTooLong, ""},
		{"a byte now and then", 0, instead(drip), TooSlow, ""},
		{"no answer", 0, instead(func(_ *upstream, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), Unreachable, ""},
		{"a connection closed at once", 0, instead(func(*upstream, http.ResponseWriter, *http.Request) { panic(abort) }), Unreachable, ""},
		{"a redirect to itself", 0, instead(func(_ *upstream, w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, r.URL.String(), http.StatusFound)
		}), Redirected, ""},
		{"HTML", 0, instead(func(_ *upstream, w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("<html>Welcome to the hotel!</html>"))
		}), NotAChain, ""},
		{"a compressed answer", 0, instead(func(_ *upstream, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typeLines)
			w.Header().Set("Content-Encoding", "gzip")
		}), NotAChain, ""},
		{"a length that is no number", 0, instead(func(_ *upstream, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", typeLines)
			w.Header().Set(protocol.ChainLength, "many")
		}), NotAChain, ""},
		{"500", 0, instead(func(_ *upstream, w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
		}), BadStatus, ""},
		{"500 for everything", 0, func(u *upstream) {
			u.all = func(w http.ResponseWriter, _ *http.Request) bool {
				w.WriteHeader(http.StatusInternalServerError)
				return true
			}
		}, BadStatus, ""},
		{"HTML for everything", 0, func(u *upstream) {
			u.all = func(w http.ResponseWriter, _ *http.Request) bool {
				_, _ = w.Write([]byte("<html>"))
				return true
			}
		}, NotAChain, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.stored > 0 {
				store := newUpstream(t)
				store.put("aka", honest.blocks("aka")[:c.stored])
				n := startNodeWith(t, dir, testConfig(dir, Source{Token: "aka", Upstreams: []string{store.URL}}), nil)
				n.awaitLength("aka", c.stored)
				n.end()
				require.NoError(t, n.store.Close())
			}
			bad, good := serve(t, honest, "aka"), serve(t, honest, "aka")
			c.lie(bad)
			cfg := testConfig(dir, Source{Token: "aka", Upstreams: []string{bad.URL, good.URL}})
			switch c.why {
			case TooSlow:
				cfg.Grace, cfg.MinRate = 50*time.Millisecond, 1<<20
			case Unreachable:
				cfg.HeaderTimeout = time.Second
			}
			n := startNodeWith(t, dir, cfg, nil)
			n.awaitRefusal("aka", c.why)
			n.has("aka", honest.blocks("aka"))
			n.until("synced", func() error {
				if !n.Status()[0].Synced {
					return fmt.Errorf("%+v", n.Status()[0])
				}
				return nil
			})
			if c.why.lie() {
				require.Equal(t, []string{good.URL}, n.Upstreams("aka"), "what sync refuses, relay refuses")
			}
			files := n.evidenceFiles()
			if c.evidence == "" {
				require.Empty(t, files)
				n.until("ready", n.Ready)
				return
			}
			require.Len(t, files, 1)
			require.ErrorIs(t, n.Ready(), ErrEvidence)
			checkEvidence(t, n, files[0], c.why, c.evidence, honest.blocks("aka"), bad.URL)
		})
	}
}

// again makes a block 5 that is good by itself, and has a transaction of block
// 2 once more, and a block 6 that links to it.
func again(t *testing.T, blocks [][]byte) [][]byte {
	t.Helper()
	var forged [][]byte
	previous := chain.HashBytes(blocks[3])
	for i, text := range [][]byte{blocks[1], blocks[5]} {
		b, err := chain.DecodeBlock(text, 6)
		require.NoError(t, err)
		next, err := chain.DecodeBlock(blocks[4+i], 6)
		require.NoError(t, err)
		b.Index, b.PreviousHash, b.Timestamp, b.Totals = uint64(5+i), previous.String(), next.Timestamp, next.Totals
		forged = append(forged, b.Append(nil, 6))
		previous = chain.HashBytes(forged[i])
	}
	for len(forged) < 8 {
		forged = append(forged, forged[1])
	}
	return forged
}

func checkEvidence(t *testing.T, n *node, name string, why Reason, index string, ours [][]byte, upstream string) {
	t.Helper()
	require.Regexp(t, "^aka-"+index+"-[0-9a-f]{16}[.]json$", name)
	data, err := os.ReadFile(filepath.Join(n.cfg.Evidence, name))
	require.NoError(t, err)
	var e Evidence
	require.NoError(t, json.Unmarshal(data, &e))
	require.Equal(t, why, e.Reason)
	require.NotEmpty(t, e.Detail)
	require.Equal(t, upstream, e.Upstream)
	require.Equal(t, index, fmt.Sprint(e.Index))
	served := append([]byte(e.Served), e.ServedBytes...)
	require.NotEmpty(t, served)
	require.Equal(t, chain.HashBytes(served).String(), e.SHA256)
	require.Contains(t, name, e.SHA256[:16])
	if e.Ours != "" {
		require.Equal(t, string(ours[e.Index-1]), e.Ours)
	}
	if e.PreviousHash != "" {
		require.Equal(t, chain.HashBytes(ours[e.Index-2]).String(), e.PreviousHash)
	}
	require.Contains(t, n.Status()[0].Evidence, name)
}
