package node

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/follower/chainsync"
	"github.com/bpsc/bpsc/store"
)

// metricsHandler serves what collectors read when they are asked, with the
// runtime's own figures. Nothing is counted on the path of a transaction.
func metricsHandler(own ...collector) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, c := range own {
		registry.MustRegister(c)
	}
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{})
}

// collector implements prometheus.Collector. Which metrics there are depends on the
// chains that there are, so that it describes none.
type collector func(ch chan<- prometheus.Metric)

// Describe implements prometheus.Collector.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c collector) Collect(ch chan<- prometheus.Metric) { c(ch) }

func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("bpsc_"+name, help, labels, nil)
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, value, labels...)
}

// chainMetrics tells where each chain stands on this node.
func chainMetrics(s *store.Store) collector {
	return func(ch chan<- prometheus.Metric) {
		length := metric("chain_length", "Blocks of the chain.", "contract")
		records := metric("chain_records_total", "Records of the chain, pending ones included.", "contract")
		pending := metric("chain_pending", "Final records that no block holds yet.", "contract")
		holds := metric("chain_open_holds", "Holds that nobody has decided.", "contract")
		tip := metric("chain_tip_timestamp_seconds", "Unix time of the newest block.", "contract")
		for _, c := range s.Contracts() {
			token := c.Contract.Token
			gauge(ch, length, float64(c.Length), token)
			counter(ch, records, float64(c.Records), token)
			gauge(ch, pending, float64(c.Pending), token)
			gauge(ch, holds, float64(c.OpenHolds), token)
			gauge(ch, tip, float64(c.TipTimestamp)/1e6, token)
		}
	}
}

// memberMetrics tells where a member stands in its cluster.
func memberMetrics(m *cluster.Member) collector {
	return func(ch chan<- prometheus.Metric) {
		s := m.Self()
		gauge(ch, metric("raft_term", "Term of the member."), float64(s.Term))
		gauge(ch, metric("raft_commit_index", "Commit index."), float64(s.Commit))
		gauge(ch, metric("raft_applied_index", "Applied index."), float64(s.Applied))
		gauge(ch, metric("raft_last_index", "Last entry of the log."), float64(s.Last))
		gauge(ch, metric("raft_last_contact_seconds", "Since the leader was heard; 0 on the leader."), s.LastContact.Seconds())
		gauge(ch, metric("raft_log_bytes", "Bytes of the entries in the log."), float64(m.LogBytes()))
		writes := m.LogWrites()
		ch <- prometheus.MustNewConstSummary(metric("raft_log_write_seconds", "Time to have entries in the log on disk, since the start."),
			writes.Count, writes.Total.Seconds(), map[float64]float64{0.5: writes.P50.Seconds(), 0.99: writes.P99.Seconds()})
		fit := 1.0
		if len(s.Unfit) > 0 {
			fit = 0
		}
		gauge(ch, metric("raft_fit_to_lead", "0 while this member must not lead; /readyz says why."), fit)
		gauge(ch, metric("clock_offset_seconds", "This machine's clock minus that of a majority of the members."), s.ClockOffset.Seconds())
		gauge(ch, metric("raft_role", "1 for the role this member has.", "role"), 1, s.Role)
	}
}

// followMetrics tells how a follower keeps up.
func followMetrics(s *chainsync.Syncer) collector {
	return func(ch chan<- prometheus.Metric) {
		upstream := metric("follow_upstream_length", "Blocks an upstream has, as last heard.", "contract")
		synced := metric("follow_synced", "1 once the chain was as long here as at its upstream.", "contract")
		contact := metric("follow_last_contact_seconds", "Since an upstream last answered well.", "contract")
		refused := metric("follow_refusals_total", "Answers of upstreams that were not taken.", "contract", "reason")
		evidence := metric("follow_evidence_files", "Files with what upstreams served and should not have.", "contract")
		checkpoint := metric("follow_checkpoint_size", "Blocks that the newest verified checkpoint covers; 0 while there is none.", "contract")
		for _, c := range s.Status() {
			gauge(ch, checkpoint, float64(c.CheckpointSize), c.Token)
			gauge(ch, upstream, float64(c.UpstreamLength), c.Token)
			gauge(ch, evidence, float64(len(c.Evidence)), c.Token)
			up := 0.0
			if c.Synced {
				up = 1
			}
			gauge(ch, synced, up, c.Token)
			if !c.LastContact.IsZero() {
				gauge(ch, contact, time.Since(c.LastContact).Seconds(), c.Token)
			}
			for reason, n := range c.Refusals {
				counter(ch, refused, float64(n), c.Token, string(reason))
			}
		}
	}
}
