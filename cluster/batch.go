package cluster

// batch is what the batcher took from the queue for one entry or one frame.
type batch struct {
	queue    *queue
	parts    []part
	requests [][]byte
}

// part is the share of one call in a batch: requests from up to to, or none at
// all of a call that has none.
type part struct {
	call     *call
	from, to int
}

func (b batch) empty() bool { return len(b.parts) == 0 }

// answer hands out the results, one for each request of the batch; common is the
// result of the batch as a whole, for calls without requests.
func (b batch) answer(results []Result, common Result) {
	at := 0
	for _, p := range b.parts {
		n := p.to - p.from
		if n == 0 {
			b.queue.answer(p.call, 0, common)
			continue
		}
		b.queue.answer(p.call, p.from, results[at:at+n]...)
		at += n
	}
}

// fail answers everything in the batch with err.
func (b batch) fail(err error) {
	b.answer(failed(len(b.requests), err), Result{Err: err})
}
