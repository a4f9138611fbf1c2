package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/store"
	"github.com/bpsc/bpsc/witness"
)

// behind is how far witnesses are behind what the members have signed: of all chains
// the one with the most blocks, and the one that waits longest.
type behind struct {
	names   []string
	blocks  map[string]uint64
	seconds map[string]float64
}

// look looks at a chain of which the members have signed so many blocks.
func (b *behind) look(s *store.Store, token string, signed uint64, now time.Time) {
	if len(b.names) == 0 {
		return
	}
	said, _, err := s.Attestations(token)
	if err != nil {
		return // the store is closing
	}
	for _, name := range b.names {
		if seen := cosigned(said, chain.WitnessID(name)); seen < signed {
			b.blocks[name] = max(b.blocks[name], signed-seen)
			b.seconds[name] = max(b.seconds[name], waiting(s, token, seen, signed, now))
		}
	}
}

func (b *behind) tell(out metrics) {
	blocks := metric("witness_lag_blocks", "Blocks that the members have signed and a witness has not, of the chain with the most.", "witness")
	seconds := metric("witness_lag_seconds", "Age of the oldest block that the members have signed and a witness has not.", "witness")
	for _, name := range b.names {
		out.gauge(blocks, float64(b.blocks[name]), name)
		out.gauge(seconds, b.seconds[name], name)
	}
}

// cosigned is the largest size that a signer has attested.
func cosigned(said []chain.Attestation, signer string) (size uint64) {
	for _, a := range said {
		if a.Member == signer {
			size = max(size, a.Size)
		}
	}
	return size
}

// Witness tells what a witness has done.
func Witness(w *witness.Witness) prometheus.Collector {
	return collector(func(out metrics) {
		f := w.Figures()
		out.gauge(metric("witness_chains", "Chains that this witness remembers."), float64(f.Chains))
		out.moment(metric("witness_cosigned_timestamp_seconds", "Unix time of the last checkpoint that this witness cosigned; 0: none since its start."), f.Cosigned)
		out.counter(metric("witness_contradictions_total", "Checkpoints that contradict what this witness had cosigned: the members signed two histories."), f.Contradicted)
	})
}
