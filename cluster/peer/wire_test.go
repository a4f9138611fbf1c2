package peer

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/bpsc/bpsc/cluster/queue"
	"github.com/bpsc/bpsc/internal/outcome"
)

func TestFrameRoundTrip(t *testing.T) {
	want := frame{kind: framePropose, id: 1 << 40, body: []byte("body")}
	got, err := readFrame(bytes.NewReader(want.encode()), maxFrameBytes)
	if err != nil || got.kind != want.kind || got.id != want.id || !bytes.Equal(got.body, want.body) {
		t.Errorf("got %+v, %v", got, err)
	}
	for name, b := range map[string][]byte{
		"too long":  {0x7f, 0xff, 0xff, 0xff},
		"too short": {0, 0, 0, 1, 1},
		"cut short": want.encode()[:10],
	} {
		if _, err := readFrame(bytes.NewReader(b), maxFrameBytes); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestResultsRoundTrip(t *testing.T) {
	results := []queue.Result{
		{Index: 7, Data: []byte("data")},
		{Err: outcome.NoLeader}, {Err: outcome.QueueFull}, {Err: outcome.TooLarge}, {Err: outcome.Unknown},
		{Index: 9},
	}
	common, got, err := decodeResults(encodeResults(queue.Result{Index: 9}, results), len(results))
	if err != nil || common.Index != 9 || common.Err != nil {
		t.Fatalf("%+v, %v", common, err)
	}
	for i, want := range results {
		if got[i].Index != want.Index || !bytes.Equal(got[i].Data, want.Data) || !errors.Is(got[i].Err, want.Err) {
			t.Errorf("result %d: %+v, want %+v", i, got[i], want)
		}
	}
	if _, _, err := decodeResults(encodeResults(queue.Result{}, results), 3); !errors.Is(err, errFrame) {
		t.Errorf("a wrong number of results: %v", err)
	}
}

// Results beyond the bound of an answer did happen; nobody may think otherwise.
func TestOversizedAnswers(t *testing.T) {
	results := []queue.Result{{Index: 1, Data: make([]byte, maxAnswerBytes)}, {Index: 2, Data: []byte("small")}}
	_, got, err := decodeResults(encodeResults(queue.Result{Index: 2}, results), 2)
	if err != nil {
		t.Fatal(err)
	}
	if !errors.Is(got[0].Err, outcome.Unknown) || got[1].Err != nil {
		t.Errorf("got %v and %v", got[0].Err, got[1].Err)
	}
}

// A definite outcome may become another definite one on its way, but never
// change its class.
func TestErrorCodesKeepTheClass(t *testing.T) {
	for _, err := range []error{outcome.NoLeader, outcome.QueueFull, outcome.ShuttingDown, outcome.NotOrdered, outcome.DiskFull, outcome.Unknown,
		fmt.Errorf("%w: %w", outcome.Unknown, outcome.ShuttingDown), errors.New("any other")} {
		got := codedError(errorCode(err))
		definite := retryable(err) && !errors.Is(err, outcome.Unknown)
		if retryable(got) != definite || errors.Is(got, outcome.Unknown) == definite {
			t.Errorf("%v became %v", err, got)
		}
	}
	if !errors.Is(codedError(99), outcome.Unknown) {
		t.Error("a code from the future is taken for a definite outcome")
	}
}

func FuzzRequests(f *testing.F) {
	f.Add(encodeRequests(nil))
	f.Add(encodeRequests([][]byte{[]byte("a"), {}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		requests, err := decodeRequests(data)
		if err != nil {
			return
		}
		if again, err := decodeRequests(encodeRequests(requests)); err != nil || len(again) != len(requests) {
			t.Fatalf("%q became %q, %v", requests, again, err)
		}
	})
}

func FuzzResults(f *testing.F) {
	f.Add(encodeResults(queue.Result{Index: 1}, []queue.Result{{Index: 1, Data: []byte("a")}}), 1)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		if n < 0 || n > 100 {
			return
		}
		if _, results, err := decodeResults(data, n); err == nil && len(results) != n {
			t.Fatalf("%d results, want %d", len(results), n)
		}
	})
}

// A full batch fits in a frame, or the largest requests could not be passed on.
func TestLargestBatchFitsInAFrame(t *testing.T) {
	for _, size := range []int{0, 1, 100, 1000, queue.MaxRequestBytes} {
		q := queue.New()
		for range 40_000 {
			if q.Push(queue.NewCall([][]byte{make([]byte, size)}, false, nil)) != nil {
				break
			}
		}
		b := q.Take(true)
		if n := frameHead + len(encodeRequests(b.Requests)); n > maxFrameBytes {
			t.Errorf("requests of %d bytes: a frame of %d", size, n)
		}
		if size > 0 && len(b.Requests) == 0 {
			t.Errorf("requests of %d bytes: none fits", size)
		}
	}
}

func retryable(err error) bool {
	return errors.Is(err, outcome.NoLeader) || errors.Is(err, outcome.QueueFull) || errors.Is(err, outcome.ShuttingDown) || errors.Is(err, outcome.NotOrdered) || errors.Is(err, outcome.DiskFull)
}
