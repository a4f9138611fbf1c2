package load

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bpsc/bpsc/e2e/faults/rules"
)

// Stream is a subscriber of a contract's events. It hangs up at random, and goes on after the
// last event that it has seen at some other node.
type Stream struct {
	load     *Load
	contract string
	rng      *rand.Rand // the reader's
	last     string     // the reader's
	cancel   context.CancelFunc
	reader   sync.WaitGroup

	mu     sync.Mutex // guards what follows
	events []rules.Event
	wrong  error
}

// Subscribe begins after the first block.
func (l *Load) Subscribe(ctx context.Context, seed uint64, contract string) *Stream {
	ctx, cancel := context.WithCancel(ctx)
	s := &Stream{load: l, contract: contract, rng: rand.New(rand.NewPCG(seed, 1<<60)), cancel: cancel}
	s.reader.Go(func() {
		for ctx.Err() == nil {
			s.visit(ctx)
		}
	})
	return s
}

// Close ends the subscription.
func (s *Stream) Close() {
	s.cancel()
	s.reader.Wait()
}

// Events are those that came, behind the first so many, and what was wrong with one, if any.
func (s *Stream) Events(from int) ([]rules.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]rules.Event(nil), s.events[from:]...), s.wrong
}

// silent is how long nothing may come before the reader looks elsewhere: there is a block each
// half second, and a node that was cut off says nothing of it.
const silent = 2 * time.Second

// visit reads some events from one node.
func (s *Stream) visit(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // hangs up
	pause := time.NewTimer(20 * time.Millisecond)
	defer pause.Stop()
	select { // where nobody answers, not all the time
	case <-ctx.Done():
		return
	case <-pause.C:
	}
	s.load.mu.Lock()
	n := s.load.nodes[s.rng.IntN(len(s.load.nodes))]
	s.load.mu.Unlock()
	if n.Lies {
		return
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.URL+"/v1/events?from=2&contract="+s.contract, nil)
	if err != nil {
		return
	}
	if s.last != "" {
		req.Header.Set("Last-Event-ID", s.last) // it beats the query
	}
	quiet := time.AfterFunc(silent, cancel)
	defer quiet.Stop()
	resp, err := s.load.client.Do(req)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return
	}
	in := bufio.NewReader(resp.Body)
	for range 1 + s.rng.IntN(600) {
		id, name, data, err := readEvent(in)
		if err != nil {
			return // the node has died, or the visit is over
		}
		quiet.Reset(silent)
		s.last = id
		e, err := decode(id, name, data)
		s.mu.Lock()
		s.events = append(s.events, e)
		if err != nil && s.wrong == nil {
			s.wrong = fmt.Errorf("an event of %s: %w", n.ID, err)
		}
		s.mu.Unlock()
	}
}

// readEvent reads up to the empty line that ends an event.
func readEvent(r *bufio.Reader) (id, name, data string, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return id, name, data, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && id != "":
			return id, name, data, nil
		case field == "id":
			id = value
		case field == "event":
			name = value
		case field == "data":
			data += value
		}
	}
}

// decode reads an event whose id is CHAIN-BLOCK or CHAIN-BLOCK-POSITION.
func decode(id, name, data string) (e rules.Event, err error) {
	var d struct {
		Hash   string
		Record struct{ ID string }
	}
	if err := json.Unmarshal([]byte(data), &d); err != nil {
		return e, fmt.Errorf("%q: %w", data, err)
	}
	parts := strings.Split(id, "-")
	if len(parts) < 2 {
		return e, fmt.Errorf("its id is %q", id)
	}
	e.Position, e.What = -1, d.Hash
	if e.Block, err = strconv.ParseUint(parts[1], 10, 64); err != nil || name == "block" {
		return e, err
	}
	if len(parts) != 3 || name != "record" {
		return e, fmt.Errorf("a %q with the id %q", name, id)
	}
	e.What = d.Record.ID
	e.Position, err = strconv.Atoi(parts[2])
	return e, err
}
