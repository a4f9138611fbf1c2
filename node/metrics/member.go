package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/store"
)

// Ledger is what a member's state machine has to do by time, and on which level it is.
func Ledger(s *store.Store) prometheus.Collector {
	return collector(func(out metrics) {
		due, timed := s.NextDue()
		if !timed {
			due = 0
		}
		out.gauge(metric("ledger_overdue_seconds", "How long what is due by time, a block or the end of a hold, is overdue; 0 while nothing is due."), since(due, time.Now()))
		out.gauge(metric("level_active", "Level that the cluster is on."), float64(s.Level().Level))
	})
}

// Member tells where a member stands in its cluster.
func Member(m *cluster.Member) prometheus.Collector {
	return collector(func(out metrics) {
		s, f := m.Self(), m.Figures()
		out.gauge(metric("raft_term", "Term of the member."), float64(s.Term))
		out.gauge(metric("raft_commit_index", "Last entry known to be committed."), float64(s.Commit))
		out.gauge(metric("raft_applied_index", "Last entry in the state machine."), float64(s.Applied))
		out.gauge(metric("raft_last_index", "Last entry of the log."), float64(s.Last))
		out.gauge(metric("raft_last_contact_seconds", "Since the leader was heard; 0 on the leader, negative: never."), s.LastContact.Seconds())
		out.gauge(metric("raft_log_bytes", "Bytes of the entries in the log."), float64(m.LogBytes()))
		out.flag(metric("raft_fit_to_lead", "0 while this member must not lead; /readyz says why."), len(s.Unfit) == 0)
		role := metric("raft_role", "1 for the role that this member has.", "role")
		for _, name := range []string{status.RoleLeader, "follower", "candidate"} {
			out.flag(role, s.Role == name, name)
		}
		out.flag(metric("signing", "1 while this member signs checkpoints; /readyz says why not."), s.NotSigning == "")
		out.gauge(metric("clock_offset_seconds", "This machine's clock minus that of a majority of the members."), s.ClockOffset.Seconds())

		out.histogram(metric("raft_log_write_seconds", "Time to have entries in the log on disk."), f.LogWrites)
		out.histogram(metric("raft_commit_seconds", "Time from an entry's coming into this leader's log until it is applied here."), f.Commits)
		out.histogram(metric("raft_apply_seconds", "Time that the state machine takes for an entry."), f.Applies)
		out.counter(metric("raft_elections_total", "Times that this member stood for election."), f.Elections)
		out.counter(metric("raft_leaders_total", "Times that this member learned of a leader."), f.Leaders)

		out.gauge(metric("queue_requests", "Requests that wait to be ordered."), float64(f.Queue.Requests))
		out.gauge(metric("queue_bytes", "Bytes of the requests that wait to be ordered."), float64(f.Queue.Bytes))
		out.counter(metric("queue_refused_total", "Calls that were refused because the queue was full."), f.Queue.Refused)
	})
}

// Members tells how the members of the cluster are, as this one has heard.
func Members(m *cluster.Member) prometheus.Collector {
	return collector(func(out metrics) {
		s := m.Status()
		voters, ready := 0, 0
		up := metric("member_ready", "1 for a member that says that it can serve; 0: it says that it cannot, or does not answer.", "member")
		lag := metric("member_lag_entries", "Entries that a member has to apply to reach the leader.", "member")
		for _, p := range s.Members {
			can := p.NotReady == "" && p.Role != status.RoleUnreachable
			out.flag(up, can, p.ID)
			out.gauge(lag, float64(p.Lag), p.ID)
			if p.Voter {
				voters++
				if can {
					ready++
				}
			}
		}
		out.gauge(metric("cluster_members", "Members of the cluster, non-voters included."), float64(len(s.Members)))
		out.gauge(metric("cluster_voters", "Members that vote."), float64(voters))
		out.gauge(metric("cluster_voters_ready", "Members that vote and say that they can serve."), float64(ready))
		out.flag(metric("cluster_leader_known", "1 while a leader is known."), s.Leader != "")
	})
}

// Copies is what there is to go back to.
type Copies struct {
	Snapshots func() (count int, newest time.Time) // in the folder of the log
	Backup    func() time.Time                     // when a backup was taken last from here
}

// Recovery tells from when a member's state can be had again.
func Recovery(c Copies) prometheus.Collector {
	return collector(func(out metrics) {
		count, newest := c.Snapshots()
		out.gauge(metric("snapshots", "Snapshots in the folder of the log."), float64(count))
		out.moment(metric("snapshot_timestamp_seconds", "Unix time of the newest snapshot; 0: there is none."), newest)
		out.moment(metric("backup_timestamp_seconds", "Unix time of the last whole backup that was taken from this member; 0: none since its start."), c.Backup())
	})
}
