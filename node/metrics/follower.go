package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/follower/chainsync"
)

// Follow tells how a follower keeps up. Refusals are those of all chains together.
func Follow(s *chainsync.Syncer) prometheus.Collector {
	return collector(func(out metrics) {
		upstream := metric("follow_upstream_length", "Blocks that an upstream has, as last heard.", "contract")
		blocks := metric("follow_lag_blocks", "Blocks that an upstream has and this node has not.", "contract")
		seconds := metric("follow_lag_seconds", "Since the first of those blocks was heard of; 0 when none is missing.", "contract")
		synced := metric("follow_synced", "1 once the chain was as long here as at its upstream.", "contract")
		contact := metric("follow_contact_timestamp_seconds", "Unix time at which an upstream last answered well; 0: never.", "contract")
		evidence := metric("follow_evidence_files", "Files with what upstreams served and should not have.", "contract")
		refused := map[chainsync.Reason]uint64{}
		now := time.Now()
		for _, c := range s.Status() {
			out.gauge(upstream, float64(c.UpstreamLength), c.Token)
			out.gauge(blocks, float64(c.Lag), c.Token)
			lag := 0.0
			if !c.Behind.IsZero() {
				lag = max(0, now.Sub(c.Behind).Seconds())
			}
			out.gauge(seconds, lag, c.Token)
			out.flag(synced, c.Synced, c.Token)
			out.moment(contact, c.LastContact, c.Token)
			out.gauge(evidence, float64(len(c.Evidence)), c.Token)
			for reason, n := range c.Refusals {
				refused[reason] += n
			}
		}
		refusals := metric("follow_refusals_total", "Answers of upstreams that were not taken.", "reason")
		for _, reason := range chainsync.Reasons() {
			out.counter(refusals, refused[reason], string(reason))
		}
	})
}

// Verified is how many blocks of each chain the newest checkpoint covers that a follower
// has verified.
func Verified(s *chainsync.Syncer) func() Covered {
	return func() Covered {
		sizes := map[string]uint64{}
		for _, c := range s.Status() {
			sizes[c.Token] = c.CheckpointSize
		}
		return func(token string) uint64 { return sizes[token] }
	}
}
