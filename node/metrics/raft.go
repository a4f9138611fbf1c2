package metrics

import (
	"math"
	"sync/atomic"
	"time"

	gometrics "github.com/armon/go-metrics"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/internal/latency"
)

// Raft is what hashicorp/raft measures, which it tells to one place of the process. What
// is in ofRaft is kept, from zero on, so that nothing comes and goes; all else is
// dropped. Times come in milliseconds and are shown in seconds. It is safe for
// concurrent use.
type Raft struct{ rows map[string]*raftRow }

type raftRow struct {
	key, name, help string
	kind            raftKind

	took  latency.Histogram // of a raftTime
	value atomic.Uint64     // bits of a float64, of the others
}

type raftKind int

const (
	raftCount raftKind = iota
	raftGauge
	raftTime
	raftPause // a gauge in milliseconds
)

// ofRaft is what is kept of raft's own. Those of a peer are together: the lag of each
// member is bpsc_member_lag_entries.
func ofRaft() []*raftRow {
	return []*raftRow{
		{key: "raft.state.follower", name: "state_follower_total", help: "Times that raft began to follow."},
		{key: "raft.state.candidate", name: "state_candidate_total", help: "Times that raft stood for election."},
		{key: "raft.state.leader", name: "state_leader_total", help: "Times that raft began to lead."},
		{key: "raft.transition.heartbeat_timeout", name: "transition_heartbeat_timeout_total", help: "Times that raft heard no leader for too long."},
		{key: "raft.transition.leader_lease_timeout", name: "transition_leader_lease_timeout_total", help: "Times that a leader stepped down because no majority answered."},
		{key: "raft.apply", name: "apply_total", help: "Entries that were handed to raft here."},
		{key: "raft.replication.appendEntries.logs", name: "replication_append_entries_logs_total", help: "Entries that were sent to other members."},

		{key: "raft.peers", name: "peers", kind: raftGauge, help: "Members in the configuration of the cluster; 0 where this one never led."},
		{key: "raft.thread.main.saturation", name: "thread_main_saturation_ratio", kind: raftGauge, help: "Share of the time in which raft's main goroutine is busy."},
		{key: "raft.thread.fsm.saturation", name: "thread_fsm_saturation_ratio", kind: raftGauge, help: "Share of the time in which raft's goroutine of the state machine is busy."},
		{key: "raft.fsm.lastRestoreDuration", name: "fsm_last_restore_duration_seconds", kind: raftPause, help: "How long the last restoring of a snapshot took."},

		{key: "raft.commitTime", name: "commit_time_seconds", kind: raftTime, help: "Time from an entry's coming into the leader's log until a majority has it."},
		{key: "raft.leader.dispatchLog", name: "leader_dispatch_log_seconds", kind: raftTime, help: "Time that a leader takes to write entries to its own disk."},
		{key: "raft.leader.lastContact", name: "leader_last_contact_seconds", kind: raftTime, help: "Time since a leader last heard each member, as it looks at its lease."},
		{key: "raft.replication.appendEntries.rpc", name: "replication_append_entries_rpc_seconds", kind: raftTime, help: "Time of a call that sends entries to another member."},
		{key: "raft.replication.heartbeat", name: "replication_heartbeat_seconds", kind: raftTime, help: "Time of a heartbeat to another member."},
		{key: "raft.replication.installSnapshot", name: "replication_install_snapshot_seconds", kind: raftTime, help: "Time to send a snapshot to another member."},
		{key: "raft.rpc.appendEntries", name: "rpc_append_entries_seconds", kind: raftTime, help: "Time to handle entries that the leader sent."},
		{key: "raft.rpc.appendEntries.storeLogs", name: "rpc_append_entries_store_logs_seconds", kind: raftTime, help: "Time to write entries that the leader sent to the disk."},
		{key: "raft.rpc.requestVote", name: "rpc_request_vote_seconds", kind: raftTime, help: "Time to answer whoever asks for a vote."},
		{key: "raft.rpc.installSnapshot", name: "rpc_install_snapshot_seconds", kind: raftTime, help: "Time to take a snapshot that the leader sent."},
		{key: "raft.fsm.enqueue", name: "fsm_enqueue_seconds", kind: raftTime, help: "Time that entries wait for the state machine's goroutine."},
		{key: "raft.fsm.applyBatch", name: "fsm_apply_batch_seconds", kind: raftTime, help: "Time that the state machine takes for entries that come together."},
		{key: "raft.fsm.restore", name: "fsm_restore_seconds", kind: raftTime, help: "Time to restore a snapshot."},
		{key: "raft.snapshot.takeSnapshot", name: "snapshot_take_snapshot_seconds", kind: raftTime, help: "Time to take a snapshot, with cutting the log."},
		{key: "raft.snapshot.persist", name: "snapshot_persist_seconds", kind: raftTime, help: "Time to write a snapshot."},
		{key: "raft.compactLogs", name: "compact_logs_seconds", kind: raftTime, help: "Time to cut what a snapshot has out of the log."},
	}
}

// NewRaft returns a Raft that has heard nothing; Install has raft tell it.
func NewRaft() *Raft {
	r := &Raft{rows: map[string]*raftRow{}}
	for _, row := range ofRaft() {
		r.rows[row.key] = row
	}
	return r
}

// Install has raft tell r what it measures, in this process and in place of whoever was
// told before. A program with several members of clusters gets the sum of them. Without
// a build tag raft v1.7 speaks to github.com/armon/go-metrics.
func (r *Raft) Install() error {
	cfg := gometrics.DefaultConfig("")
	cfg.EnableHostname, cfg.EnableRuntimeMetrics = false, false
	_, err := gometrics.NewGlobal(cfg, r)
	return err
}

// Describe implements prometheus.Collector.
func (*Raft) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (r *Raft) Collect(ch chan<- prometheus.Metric) {
	out := metrics{ch}
	for _, row := range r.rows {
		d := prometheus.NewDesc("raft_"+row.name, row.help, nil, nil)
		value := math.Float64frombits(row.value.Load())
		switch row.kind {
		case raftCount:
			out.counter(d, uint64(value))
		case raftTime:
			out.histogram(d, &row.took)
		case raftGauge:
			out.gauge(d, value)
		case raftPause:
			out.gauge(d, value/1000)
		}
	}
}

// row finds what is kept under a key, without memory of its own: it is asked several
// times for each entry.
func (r *Raft) row(key []string) *raftRow {
	var buf [64]byte
	name := buf[:0]
	for i, part := range key {
		if i > 0 {
			name = append(name, '.')
		}
		name = append(name, part...)
	}
	return r.rows[string(name)]
}

// SetGauge implements metrics.MetricSink, as do the methods that follow.
func (r *Raft) SetGauge(key []string, value float32) {
	if row := r.row(key); row != nil {
		row.value.Store(math.Float64bits(float64(value)))
	}
}

// SetGaugeWithLabels is SetGauge: labels only name peers.
func (r *Raft) SetGaugeWithLabels(key []string, value float32, _ []gometrics.Label) {
	r.SetGauge(key, value)
}

// IncrCounter adds to a counter.
func (r *Raft) IncrCounter(key []string, by float32) {
	row := r.row(key)
	if row == nil {
		return
	}
	for {
		before := row.value.Load()
		after := math.Float64bits(math.Float64frombits(before) + float64(by))
		if row.value.CompareAndSwap(before, after) {
			return
		}
	}
}

// IncrCounterWithLabels is IncrCounter.
func (r *Raft) IncrCounterWithLabels(key []string, by float32, _ []gometrics.Label) {
	r.IncrCounter(key, by)
}

// AddSample counts how long something took, in milliseconds; of a share it keeps the last.
func (r *Raft) AddSample(key []string, value float32) {
	switch row := r.row(key); {
	case row == nil:
	case row.kind == raftTime:
		row.took.Observe(time.Duration(float64(value) * float64(time.Millisecond)))
	default:
		row.value.Store(math.Float64bits(float64(value)))
	}
}

// AddSampleWithLabels is AddSample.
func (r *Raft) AddSampleWithLabels(key []string, value float32, _ []gometrics.Label) {
	r.AddSample(key, value)
}

// EmitKey is for nobody: raft does not.
func (*Raft) EmitKey([]string, float32) {}
