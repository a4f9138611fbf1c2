package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bpsc/bpsc/e2e/verify"
	"github.com/bpsc/bpsc/internal/harness"
)

// owner keeps something on the personal chain of a follower every now and
// then, while the follower dies and comes back, and remembers what was
// acknowledged.
type owner struct {
	f      *harness.Follower
	before [][]byte // the chain at the start
	stop   context.CancelFunc
	hands  sync.WaitGroup

	mu    sync.Mutex        // guards what follows
	kept  map[string]uint64 // information by text: the block it was promised, or 0
	mined []minedBlock
	wrong []error
}

// minedBlock is what GET /mine of a follower answers.
type minedBlock struct {
	Message      string
	Index        uint64 `json:"index2"`
	PreviousHash string `json:"previous_hash"`
	Information  []verify.Information
}

const writeEvery = 4 * time.Millisecond

func startOwner(ctx context.Context, f *harness.Follower) *owner {
	ctx, cancel := context.WithCancel(ctx)
	o := &owner{f: f, stop: cancel, kept: map[string]uint64{}}
	before, err := f.Personal(ctx)
	o.fail(err)
	o.before = before
	// Two hands, so that blocks end while information comes in.
	o.hands.Go(func() { o.repeat(ctx, writeEvery, o.write) })
	o.hands.Go(func() { o.repeat(ctx, 30*writeEvery, o.mine) })
	return o
}

// repeat acts at a pace; after a failure it waits until the follower is back.
func (o *owner) repeat(ctx context.Context, pace time.Duration, act func(ctx context.Context, n int) error) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if act(ctx, n) == nil {
			continue
		}
		err := harness.Until(ctx, time.Minute, o.f.ID+" is back", func(ctx context.Context) error {
			_, err := o.call(ctx, http.MethodGet, "/livez", "", http.StatusOK)
			return err
		})
		if ctx.Err() == nil {
			o.fail(err)
		}
	}
}

// write sends a text that nobody has sent before, once: information has no id,
// so that a second attempt would be a second information.
func (o *owner) write(ctx context.Context, n int) error {
	text := fmt.Sprintf(`{"by": "%s", "n": %d}`, o.f.ID, n)
	o.promise(text, 0)
	body, err := o.call(ctx, http.MethodPost, "/information/new", `{"information":`+text+`}`, http.StatusCreated)
	if err != nil {
		return err
	}
	var answer struct{ Message string }
	var block uint64
	if err := json.Unmarshal(body, &answer); err != nil {
		o.fail(err)
	}
	if _, err := fmt.Sscanf(answer.Message, "information will be added to Block %d", &block); err != nil {
		o.fail(fmt.Errorf("%q: %w", answer.Message, err))
	}
	o.promise(text, block)
	return nil
}

func (o *owner) mine(ctx context.Context, n int) error {
	method := []string{http.MethodGet, http.MethodPost}[n%2]
	body, err := o.call(ctx, method, "/mine", "", http.StatusOK)
	if err != nil {
		return err
	}
	var b minedBlock
	if err := json.Unmarshal(body, &b); err != nil {
		o.fail(fmt.Errorf("%s: %w", body, err))
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mined = append(o.mined, b)
	return nil
}

// call sends a request; what was answered with another status than the one
// wanted has failed.
func (o *owner) call(ctx context.Context, method, path, body string, want int) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, o.f.URL+path, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := o.f.HTTP.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != want {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
		o.fail(err)
	}
	return text, err
}

func (o *owner) promise(text string, block uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kept[text] = block
}

func (o *owner) fail(err error) {
	if err == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.wrong = append(o.wrong, err)
}

// check ends the writing and compares the personal chain with what its owner
// knows of it.
func (o *owner) check(t *testing.T) {
	t.Helper()
	o.stop()
	o.hands.Wait()
	for _, err := range o.wrong {
		t.Error(err)
	}
	must(t, http.StatusOK, http.MethodGet, o.f.URL+"/mine", "") // what has no block yet
	texts, err := o.f.Personal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	blocks, err := verify.Personal(texts)
	if err != nil {
		t.Fatal(err)
	}
	sameBlocks(t, o.f.ID, texts[:min(len(texts), len(o.before))], o.before)
	found := o.checkKept(t, blocks)
	for _, b := range o.mined {
		if b.Message != "New Block Forged" || b.Index < 2 || b.Index > uint64(len(blocks)) {
			t.Errorf("%s forged %+v; its chain has %d blocks", o.f.ID, b, len(blocks))
			continue
		}
		if got := blocks[b.Index-1]; got.PreviousHash != b.PreviousHash || !slices.EqualFunc(got.Information, b.Information, sameInformation) {
			t.Errorf("%s forged %+v, its chain has %+v", o.f.ID, b, got)
		}
	}
	t.Logf("%s kept %d of %d pieces of information in %d blocks of its own, %d of these acknowledged",
		o.f.ID, found, len(o.kept), len(blocks), len(o.mined))
}

// checkKept compares what was acknowledged with what stands there: each once,
// in the block it was promised.
func (o *owner) checkKept(t *testing.T, blocks []verify.PersonalBlock) int {
	t.Helper()
	at := map[string]uint64{}
	for _, b := range blocks {
		for _, i := range b.Information {
			text := string(i.Information)
			if _, known := o.kept[text]; !known || at[text] != 0 {
				t.Errorf("%s: block %d has %s, which was sent once or by nobody, and stands in block %d", o.f.ID, b.Index, text, at[text])
			}
			at[text] = b.Index
		}
	}
	for text, block := range o.kept {
		if block != 0 && at[text] != block {
			t.Errorf("%s: %s was acknowledged for block %d and stands in block %d", o.f.ID, text, block, at[text])
		}
	}
	return len(at)
}

func sameInformation(a, b verify.Information) bool {
	return canonicalText(a.Information) == canonicalText(b.Information)
}

// canonicalText is JSON without spaces, its keys sorted.
func canonicalText(text json.RawMessage) string {
	var value any
	if err := json.Unmarshal(text, &value); err != nil {
		return err.Error()
	}
	out, err := json.Marshal(value)
	if err != nil {
		return err.Error()
	}
	return string(out)
}
