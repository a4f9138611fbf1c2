package admission

import (
	"context"
	"sync"
	"time"
)

// Patience gives requests contexts that end after the same time, for next to nothing:
// those that come within one step of it share one. A context of its own for each takes a
// lock that all requests share, a timer and five allocations, and hardly one of them is
// ever needed.
type Patience struct {
	limit time.Duration

	mu     sync.Mutex // guards what follows
	shared context.Context
	end    context.CancelFunc // of shared, which ends by itself
	parent <-chan struct{}    // which ends shared, too
	until  time.Time          // when shared is no longer given out
}

// patienceSteps is how many of the contexts there are at a time: so much of its limit is
// between the first and the last request that share one, and so much longer may the first
// one wait.
const patienceSteps = 100

// NewPatience gives contexts that end after limit, or a hundredth of it later at most.
func NewPatience(limit time.Duration) *Patience { return &Patience{limit: limit} }

// Within is a request's context with an end.
func (p *Patience) Within(request context.Context) context.Context {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parent != request.Done() || !now.Before(p.until) || p.shared.Err() != nil {
		step := p.limit / patienceSteps
		p.parent, p.until = request.Done(), now.Add(step)
		p.shared, p.end = context.WithTimeout(request, p.limit+step)
	}
	return patient{p.shared, request}
}

// patient ends with one context and knows what another one does.
type patient struct {
	context.Context
	request context.Context
}

// Value implements context.Context.
func (p patient) Value(key any) any { return p.request.Value(key) }
