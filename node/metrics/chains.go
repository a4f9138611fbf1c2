package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
)

// Covered is how many blocks of a chain its newest checkpoint covers; 0: there is none.
type Covered func(token string) uint64

// Chains tells where each chain stands on this node, and how far behind witnesses are.
// covered is asked once each time.
func Chains(s *store.Store, covered func() Covered, witnesses ...string) prometheus.Collector {
	return collector(func(out metrics) {
		length := metric("chain_length", "Blocks of the chain.", "contract")
		records := metric("chain_records_total", "Records of the chain, pending ones included.", "contract")
		pending := metric("chain_pending_records", "Final records that no block holds yet.", "contract")
		holds := metric("chain_open_holds", "Holds that nobody has decided.", "contract")
		tip := metric("chain_tip_timestamp_seconds", "Unix time of the newest block.", "contract")
		overdue := metric("chain_block_overdue_seconds", "How long the next block is overdue by the contract's schedule; 0 while none is due.", "contract")
		checkpoint := metric("checkpoint_size", "Blocks that the newest checkpoint covers; 0 while there is none.", "contract")
		blocks := metric("checkpoint_lag_blocks", "Blocks that no checkpoint covers.", "contract")
		seconds := metric("checkpoint_lag_seconds", "Age of the oldest block that no checkpoint covers; 0 when all are covered.", "contract")
		now, covers := time.Now(), covered()
		late := behind{witnesses, map[string]uint64{}, map[string]float64{}}
		for _, c := range s.Contracts() {
			token := c.Contract.Token
			out.gauge(length, float64(c.Length), token)
			out.counter(records, c.Records, token)
			out.gauge(pending, float64(c.Pending), token)
			out.gauge(holds, float64(c.OpenHolds), token)
			out.gauge(tip, float64(c.TipTimestamp)/1e6, token)
			out.gauge(overdue, since(c.Due, now), token)
			size := min(covers(token), c.Length)
			out.gauge(checkpoint, float64(size), token)
			out.gauge(blocks, float64(c.Length-size), token)
			out.gauge(seconds, waiting(s, token, size, c.Length, now), token)
			late.look(s, token, size, now)
		}
		late.tell(out)
	})
}

// since is how many seconds ago something was due; 0: it is not due yet, or ever.
func since(due chain.Micros, now time.Time) float64 {
	if due == 0 {
		return 0
	}
	return max(0, now.Sub(time.UnixMicro(int64(due))).Seconds())
}

// waiting is how old the oldest block is behind so many; 0 when there is none.
func waiting(s *store.Store, token string, size, length uint64, now time.Time) float64 {
	if size >= length {
		return 0
	}
	m, err := s.Moment(token, size+1)
	if err != nil {
		return 0 // the store is closing
	}
	return since(m.Timestamp, now)
}
