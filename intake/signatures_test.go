package intake

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/outcome"
)

// key signs in the tests.
var key = ed25519.NewKeyFromSeed(make([]byte, 32))

func public() chain.PublicKey { return chain.PublicKey(key.Public().(ed25519.PublicKey)) }

// manyChecks returns n signatures; every bad-th is over something else.
func manyChecks(n, bad int) []check {
	checks := make([]check, n)
	for i := range checks {
		message := binary.BigEndian.AppendUint64(make([]byte, 0, 300), uint64(i))
		message = message[:300]
		checks[i].Signed = chain.Signed{Key: public(), Signature: chain.Signature(ed25519.Sign(key, message)), Message: message}
		if bad > 0 && i%bad == 0 {
			checks[i].Signature[1] ^= 1
		}
	}
	return checks
}

func requireGood(t *testing.T, checks []check, bad int) {
	t.Helper()
	for i := range checks {
		require.Equal(t, bad == 0 || i%bad != 0, checks[i].good, "check %d", i)
	}
}

func TestVerifierAnswersEveryCheckByItself(t *testing.T) {
	v := newVerifier()
	require.NoError(t, v.check(nil))
	for _, n := range []int{1, 3, 4, 255, 256, 257, 1500} {
		for _, bad := range []int{0, 1, 7} {
			if bad == 1 && n > 300 {
				continue
			}
			checks := manyChecks(n, bad)
			require.NoError(t, v.check(checks))
			requireGood(t, checks, bad)
		}
	}
	require.Empty(t, v.waiting)
	require.Len(t, v.slots, cap(v.slots))
}

// Requests of all sizes at once, each with bad ones among them, get their own
// answers.
func TestVerifierUnderConcurrency(t *testing.T) {
	v := newVerifier()
	singles, batches := manyChecks(20, 5), manyChecks(600, 31)
	var callers sync.WaitGroup
	for caller := range 64 {
		callers.Go(func() {
			for i := range 10 {
				one := singles[(caller+i)%len(singles)]
				mine := []check{{Signed: one.Signed}}
				if v.check(mine) != nil || mine[0].good != ((caller+i)%len(singles)%5 != 0) {
					t.Errorf("caller %d, check %d: %v", caller, i, mine[0].good)
				}
			}
			if caller%16 != 0 {
				return
			}
			mine := make([]check, len(batches))
			for i := range batches {
				mine[i].Signed = batches[i].Signed
			}
			if v.check(mine) != nil {
				t.Error("queue full")
			}
			requireGood(t, mine, 31)
		})
	}
	callers.Wait()
	require.Empty(t, v.waiting)
}

// While every core is busy, what comes in is joined into batches.
func TestVerifierJoinsWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier()
		var busy []*slot
		for range cap(v.slots) {
			busy = append(busy, <-v.slots)
		}
		checks := manyChecks(100, 0)
		done := 0
		var mu sync.Mutex
		for i := range checks {
			go func() {
				mine := checks[i : i+1]
				if v.check(mine) == nil && mine[0].good {
					mu.Lock()
					done++
					mu.Unlock()
				}
			}()
		}
		synctest.Wait() // all of them wait for a core
		require.Len(t, v.waiting, len(checks))
		require.True(t, v.take(busy[0]))
		require.Len(t, busy[0].taken, max(minVerifyBatch, (len(checks)+cap(v.slots)-1)/cap(v.slots)))
		busy[0].verify(v.keys)
		synctest.Wait()
		for _, s := range busy {
			v.slots <- s
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		require.Equal(t, len(checks), done)
	})
}

// Whoever sends bad signatures does not have each batch of a thousand verified one by one.
func TestBatchesAreSmallAfterABadSignature(t *testing.T) {
	v := newVerifier()
	taken := func() (n int) {
		s := <-v.slots
		defer func() { v.slots <- s }()
		v.waiting = make([]*check, 2*maxVerifyBatch*cap(v.slots))
		v.take(s)
		n = len(s.taken)
		clear(s.taken)
		v.waiting = nil
		return n
	}
	require.Equal(t, maxVerifyBatch, taken())
	require.NoError(t, v.check(manyChecks(10, 3)))
	for range warnedBatches {
		require.Equal(t, warnedVerifyBatch, taken())
	}
	require.Equal(t, maxVerifyBatch, taken())
	require.NoError(t, v.check(manyChecks(10, 0)))
	require.Equal(t, maxVerifyBatch, taken())
}

func TestVerifierRefusesWhatItCannotKeep(t *testing.T) {
	v := newVerifier()
	v.waiting = make([]*check, maxWaitingSignatures)
	require.ErrorIs(t, v.check(manyChecks(1, 0)), outcome.QueueFull)

	c := &Checker{signatures: v}
	body := signedBody(chain.Transfer)
	var r Reader
	drafts, _, err := r.Transaction([]byte(body), Envelope{})
	require.NoError(t, err)
	_, err = c.Check(&r, &Chain{Contract: signedContract()}, drafts)
	require.ErrorIs(t, err, outcome.QueueFull)
	require.NoError(t, drafts[0].Refused)
	require.Len(t, v.waiting, maxWaitingSignatures)
}

// BenchmarkSignatures is signatures a second: one caller, as many as a busy
// member has, and a batch.
func BenchmarkSignatures(b *testing.B) {
	checks := manyChecks(1000, 0)
	for _, callers := range []int{1, 256} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			v := newVerifier()
			b.SetParallelism(max(1, callers/runtime.GOMAXPROCS(0)))
			one := func(i int) {
				mine := []check{{Signed: checks[i%len(checks)].Signed}}
				if v.check(mine) != nil || !mine[0].good {
					b.Error("refused")
				}
			}
			if callers == 1 {
				for i := 0; b.Loop(); i++ {
					one(i)
				}
			} else {
				b.RunParallel(func(pb *testing.PB) {
					for i := 0; pb.Next(); i++ {
						one(i)
					}
				})
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signatures/s")
		})
	}
	b.Run("batch=1000", func(b *testing.B) {
		v := newVerifier()
		for b.Loop() {
			if v.check(checks) != nil {
				b.Fatal("refused")
			}
		}
		b.ReportMetric(float64(b.N*len(checks))/b.Elapsed().Seconds(), "signatures/s")
	})
}
