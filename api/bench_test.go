package api

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/bpsc/bpsc/chain"
)

// instant is a fake whose writer decides at once and remembers nothing.
type instant struct {
	*fake
	outcomes []chain.Outcome
}

func (w *instant) Submit(_ context.Context, _ *chain.Contract, txs []chain.Transaction) []chain.Outcome {
	out := w.outcomes[:len(txs)]
	for i := range txs {
		tx := &txs[i]
		out[i] = chain.Outcome{Block: 2, Position: i, AppliedIndex: 7, Record: chain.Record{Kind: chain.Transfer,
			ID: tx.ID, BPSC: chain.OpenBPSC, Sender: tx.Sender, Recipient: tx.Recipient,
			AmountSend: tx.Amount, AmountBPSC: 1, AmountReceive: tx.Amount - 1}}
	}
	return out
}

// sink is a ResponseWriter that costs nothing.
type sink struct {
	header http.Header
	status int
}

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(status int)      { s.status = status }
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

func benchmarkPost(b *testing.B, target string, body []byte, want int) {
	b.Helper()
	benchmarkPostTo(b, newFake(), target, body, want)
}

func benchmarkPostTo(b *testing.B, f *fake, target string, body []byte, want int) {
	b.Helper()
	h, err := New(DefaultConfig(), &instant{fake: f, outcomes: make([]chain.Outcome, chain.MaxBlockRecords)}, f, f, f)
	if err != nil {
		b.Fatal(err)
	}
	reader := bytes.NewReader(body)
	r := httptest.NewRequest(http.MethodPost, target, nil)
	r.Host, r.RemoteAddr, r.ContentLength, r.Body = "localhost", "127.0.0.1:1", int64(len(body)), io.NopCloser(reader)
	w := &sink{header: http.Header{}}
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		reader.Reset(body)
		clear(w.header)
		h.ServeHTTP(w, r)
		if w.status != want {
			b.Fatal(w.status)
		}
	}
}

func BenchmarkPostTransaction(b *testing.B) {
	body := []byte(`{"sender":"wallet-a","amount":1000000,"recipient":"wallet-b"}`)
	b.Run("tutorial", func(b *testing.B) { benchmarkPost(b, "/transactions/new", body, http.StatusCreated) })
	b.Run("v1", func(b *testing.B) { benchmarkPost(b, "/v1/transactions", body, http.StatusCreated) })
}

func BenchmarkBatch1000(b *testing.B) {
	body := []byte(`{"transactions":[`)
	for i := range 1000 {
		if i > 0 {
			body = append(body, ',')
		}
		body = fmt.Appendf(body, `{"sender":"wallet-%d","amount":12.5,"recipient":"wallet-%d","key":"k%d"}`, i, i+1, i)
	}
	benchmarkPost(b, "/v1/transactions:batch", append(body, "]}"...), http.StatusOK)
}

// signedItem is a signed transfer like another, with its own nonce.
func signedItem(b *testing.B, f *fake) string {
	_, body := signedBody(b, f, alice, chain.Transaction{Kind: chain.Transfer, Recipient: bob.address(), Amount: 12_500_000})
	return body
}

func BenchmarkPostSigned(b *testing.B) {
	f := newFake(signedContract("aka"))
	body := signedItem(b, f)
	b.Run("one", func(b *testing.B) { benchmarkPostTo(b, f, "/v1/transactions", []byte(body), http.StatusCreated) })
	b.Run("callers=256", func(b *testing.B) {
		h, err := New(DefaultConfig(), &always{fake: f}, f, f, f)
		if err != nil {
			b.Fatal(err)
		}
		b.SetParallelism(256 / runtime.GOMAXPROCS(0))
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			reader := strings.NewReader(body)
			r := httptest.NewRequest(http.MethodPost, "/v1/transactions", nil)
			r.Host, r.RemoteAddr, r.ContentLength, r.Body = "localhost", "127.0.0.1:1", int64(len(body)), io.NopCloser(reader)
			w := &sink{header: http.Header{}}
			for pb.Next() {
				reader.Reset(body)
				clear(w.header)
				if h.ServeHTTP(w, r); w.status != http.StatusCreated {
					b.Error(w.status)
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "transactions/s")
	})
}

// always is instant for any number of callers.
type always struct{ *fake }

func (w *always) Submit(ctx context.Context, c *chain.Contract, txs []chain.Transaction) []chain.Outcome {
	return (&instant{outcomes: make([]chain.Outcome, len(txs))}).Submit(ctx, c, txs)
}

func BenchmarkBatchSigned1000(b *testing.B) {
	f := newFake(signedContract("aka"))
	items := make([]string, 1000)
	for i := range items {
		items[i] = signedItem(b, f)
	}
	benchmarkPostTo(b, f, "/v1/transactions:batch", []byte(`{"transactions":[`+strings.Join(items, ",")+`]}`), http.StatusOK)
	b.ReportMetric(float64(b.N*len(items))/b.Elapsed().Seconds(), "transactions/s")
}
