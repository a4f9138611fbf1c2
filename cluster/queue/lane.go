package queue

import (
	"fmt"

	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// A larger request is a batch, or as much work as one: a hundred transfers or more.
	maxSmallBytes = 16 << 10

	// Where small ones wait, an entry has no more of large ones than the request with which
	// they reach this: what is small waits for all that is in its entry, and in the one before.
	largeBeside = 64 << 10

	// A lane holds two or three of the largest batches that a client may send at
	// once (10,000 requests, 8 MiB). What does not fit is refused at once.
	maxRequests = 32 << 10
	maxBytes    = 32 << 20
)

// lane is calls of one kind in the order in which they came. The queue's mutex guards it.
type lane struct {
	ring     Call // its next is the call that waits for longest, its prev the newest
	calls    int  // in the ring
	requests int  // not taken yet; a call without requests counts as one
	bytes    int
}

func (l *lane) init() { l.ring.prev, l.ring.next = &l.ring, &l.ring }

// crowded is why there is no room for so much.
func (l *lane) crowded(requests, bytes int) error {
	if l.requests+requests <= maxRequests && l.bytes+bytes <= maxBytes {
		return nil
	}
	return fmt.Errorf("%w: %d requests, %d bytes wait", outcome.QueueFull, l.requests, l.bytes)
}

// add puts a call of so many requests and bytes at the end.
func (l *lane) add(c *Call, requests, bytes int) {
	l.calls++
	l.requests += requests
	l.bytes += bytes
	c.lane, c.prev, c.next = l, l.ring.prev, &l.ring
	c.prev.next, c.next.prev = c, c
}

// take moves what fits from the front to b, until that is as many bytes as are wanted. It
// returns the room that is left, and the calls that it met and that must not be forwarded,
// with forward set.
func (l *lane) take(b *Batch, room, wanted int, forward bool) (left int, out []*Call) {
	for c, enough := l.ring.next, room-wanted; c != &l.ring && room > enough; c = l.ring.next {
		if forward && c.leaderOnly {
			l.remove(c)
			out = append(out, c)
			continue
		}
		room = l.takeFrom(c, b, room, enough)
		if c.lane != nil {
			break // the rest of this call goes in the next entry
		}
	}
	return room, out
}

// takeFrom moves what fits from c to b, until there is no more room than is enough, and
// returns the room that is left.
func (l *lane) takeFrom(c *Call, b *Batch, room, enough int) int {
	from := c.taken
	for c.taken < len(c.requests) && len(b.Requests) < MaxEntryRequests && room > enough {
		r := c.requests[c.taken]
		if len(r)+RequestOverhead > room {
			break
		}
		room -= len(r) + RequestOverhead
		b.Requests = append(b.Requests, r)
		c.taken++
		l.requests--
		l.bytes -= len(r) + RequestOverhead
	}
	if c.taken > from || len(c.requests) == 0 {
		b.parts = append(b.parts, part{call: c, from: from, to: c.taken})
	}
	if c.taken == len(c.requests) {
		l.remove(c)
	}
	return room
}

// remove unlinks a call with whatever of it was not taken.
func (l *lane) remove(c *Call) {
	l.calls--
	c.prev.next, c.next.prev = c.next, c.prev
	c.lane, c.prev, c.next = nil, nil, nil
	if len(c.requests) == 0 {
		l.requests--
	}
	for _, r := range c.requests[c.taken:] {
		l.requests--
		l.bytes -= len(r) + RequestOverhead
	}
}

// removeAll unlinks these calls and returns them, in their order.
func (l *lane) removeAll(which func(*Call) bool) []*Call {
	var calls []*Call
	for c := l.ring.next; c != &l.ring; {
		next := c.next // before c leaves the ring
		if which(c) {
			l.remove(c)
			calls = append(calls, c)
		}
		c = next
	}
	return calls
}
