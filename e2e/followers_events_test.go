package e2e

import (
	"bufio"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// event is one of a stream of server-sent events.
type event struct{ id, name, data string }

// subscriber reads the /v1/events of a follower. It hangs up at random, and
// goes on after the last event that it has seen.
type subscriber struct {
	f      *harness.Follower
	rng    *rand.Rand
	cancel context.CancelFunc
	reader sync.WaitGroup
	visits int   // the reader's until it has ended, as is err
	err    error // why it has ended, where nobody asked it to

	mu     sync.Mutex // guards events
	events []event
}

// subscribe begins after the first block.
func subscribe(ctx context.Context, f *harness.Follower, rng *rand.Rand) *subscriber {
	ctx, cancel := context.WithCancel(ctx)
	s := &subscriber{f: f, rng: rng, cancel: cancel}
	s.reader.Go(func() {
		for ctx.Err() == nil {
			s.visit(ctx)
		}
	})
	return s
}

// visit reads some events, or until the follower dies.
func (s *subscriber) visit(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // hangs up
	var resp *http.Response
	err := harness.Until(ctx, time.Minute, s.f.ID+" takes subscribers", func(context.Context) (err error) {
		resp, err = s.open(ctx)
		return err
	})
	if err != nil {
		if ctx.Err() == nil {
			s.err = err
			s.cancel()
		}
		return
	}
	defer func() { _ = resp.Body.Close() }()
	events := bufio.NewReader(resp.Body)
	for range 1 + s.rng.IntN(400) {
		e, err := readEvent(events)
		if err != nil {
			break // the follower has died, or the test is over
		}
		s.note(e)
	}
	s.visits++
}

func (s *subscriber) open(ctx context.Context) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.f.URL+"/v1/events?from=2", nil)
	if err != nil {
		return nil, err
	}
	if last := s.last(); last != "" {
		req.Header.Set("Last-Event-ID", last) // it beats the query
	}
	resp, err := http.DefaultClient.Do(req) // without a time-out: the stream has no end
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return nil, fmt.Errorf("/v1/events after %s: %s", s.last(), resp.Status)
	}
	return resp, nil
}

// readEvent reads up to the empty line that ends an event.
func readEvent(r *bufio.Reader) (e event, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return e, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && e.id != "":
			return e, nil
		case field == "id":
			e.id = value
		case field == "event":
			e.name = value
		case field == "data":
			e.data += value
		}
	}
}

func (s *subscriber) note(e event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// last is the id of the last event seen, "" before the first.
func (s *subscriber) last() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.events) == 0 {
		return ""
	}
	return s.events[len(s.events)-1].id
}

// await waits for the event of a block and ends the subscription.
func (s *subscriber) await(ctx context.Context, block int) error {
	want := fmt.Sprint(block)
	err := harness.Until(ctx, 30*time.Second, "the event of block "+want+" has come", func(context.Context) error {
		if last := s.last(); last[strings.IndexByte(last, '-')+1:] != want {
			return fmt.Errorf("the last one is %s", last)
		}
		return nil
	})
	s.cancel()
	s.reader.Wait()
	if s.err != nil {
		return s.err
	}
	return err
}

// checkEvents compares events with a chain's: for each block those of its
// records, then its own.
func checkEvents(t *testing.T, got []event, texts [][]byte) {
	t.Helper()
	ledger, err := verify.Check(texts)
	if err != nil {
		t.Fatal(err)
	}
	next := 0
	genesis := sha256.Sum256(texts[0])
	of := fmt.Sprintf("%x-", genesis[:8])
	expect := func(id, name, data string) {
		if next >= len(got) || got[next].id != id || got[next].name != name || !strings.Contains(got[next].data, data) {
			t.Fatalf("there are %d events; number %d is not %s %s with %s, after %+v",
				len(got), next, name, id, data, got[max(0, next-2):min(len(got), next+1)])
		}
		next++
	}
	for i, b := range ledger.Blocks[1:] {
		for position, record := range b.Transactions {
			expect(fmt.Sprintf("%s%d-%d", of, b.Index, position), "record", string(record))
		}
		expect(fmt.Sprint(of, b.Index), "block", fmt.Sprintf("%x", sha256.Sum256(texts[i+1])))
	}
	if next != len(got) {
		t.Errorf("%d events more than the chain has: %+v", len(got)-next, got[next])
	}
}

// Each record and each block is an event, once and in order, for somebody who
// comes and goes at a follower that dies, behind one that dies, behind members
// that die.
func TestEvents(t *testing.T) {
	c := startCluster(t, harness.Options{Contract: busy})
	f1 := follow(t, "f1", c.URLs()...)
	f2 := follow(t, "f2", f1.URL)
	seed := seed(t)
	rng := rand.New(rand.NewPCG(seed, 4))
	s := subscribe(t.Context(), f2, rand.New(rand.NewPCG(seed, 5)))
	load := c.StartLoad(t.Context(), harness.LoadOptions{Workers: 12, Seed: seed, Attempt: attempt, Through: []string{f2.URL}})
	k := killer{c: c, load: load, rng: rng}
	for _, kill := range []func() error{
		func() error { return k.leader(t.Context()) },
		func() error { return k.someFollowers(t.Context(), f2) },
		func() error { return k.member(t.Context()) },
		func() error { return k.someFollowers(t.Context(), f1) },
		func() error { return k.someFollowers(t.Context(), f1, f2) },
		func() error { return k.leader(t.Context()) },
	} {
		if err := load.AwaitMore(t.Context(), 100+rng.IntN(300)); err != nil {
			t.Fatal(err)
		}
		if err := kill(); err != nil {
			t.Fatal(err)
		}
	}
	sent, err := load.Stop()
	if err != nil {
		t.Fatal(err)
	}
	awaitNothingPending(t, c)
	ledger := verifyFollowers(t, c, "", f1, f2)
	checkSent(t, ledger, sent)
	if err := s.await(t.Context(), len(ledger.Blocks)); err != nil {
		t.Fatal(err)
	}
	texts, err := f2.Chain(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	checkEvents(t, s.events, texts)
	t.Logf("%d events in %d visits", len(s.events), s.visits)
}
