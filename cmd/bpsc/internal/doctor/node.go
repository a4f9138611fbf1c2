package doctor

import (
	"cmp"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/internal/certwatch"
)

// check judges one node.
func (n *nodeFacts) check() (list []finding) {
	add := func(check string, g grade, value, advice string) {
		list = append(list, finding{check, g, n.name + ": " + value, advice})
	}
	if n.down != "" {
		add("member", failure, "does not answer: "+n.down, "look at its process and its log, and start it; where its disk is lost: bpsc cluster replace")
		return list
	}
	if m := n.own(); m != nil {
		n.checkMember(m, add)
	} else if n.diagnose != nil && n.diagnose.Ready != "" {
		add("node", failure, "is not ready: "+n.diagnose.Ready, "the reason says what it waits for")
	} else {
		add("node", fine, "a follower, answers", "")
	}
	if n.diagnose == nil {
		add("operator", unasked, "more cannot be asked: "+n.unasked, "run bpsc doctor on its machine, or with --token-file")
		return list
	}
	n.checkDiagnosis(n.diagnose, add)
	return list
}

// own is what a member says of itself, else what another one says of it.
func (n *nodeFacts) own() *api.MemberStatus {
	if n.cluster != nil {
		for i := range n.cluster.Members {
			if m := &n.cluster.Members[i]; m.ID == n.cluster.ID {
				return m
			}
		}
	}
	return n.member
}

func (n *nodeFacts) checkMember(m *api.MemberStatus, add func(check string, g grade, value, advice string)) {
	switch {
	case !m.Ready:
		add("member", failure, "is not ready: "+m.NotReady, "the reason says what it waits for; a member that does not get ready by itself: its log")
	case !m.Signing:
		add("member", warning, "does not sign: "+m.NotSigning, "until it does, checkpoints need all of the others")
	case m.Lag > lagging:
		add("member", warning, fmt.Sprintf("%s, %d entries behind", m.Role, m.Lag), "it catches up unless its disk or its network is slower than the others'")
	default:
		add("member", fine, fmt.Sprintf("%s, ready, %d entries behind", m.Role, m.Lag), "")
	}
	off := time.Duration(m.ClockOffsetMS) * time.Millisecond
	value := fmt.Sprintf("%+.3f s from the majority's", off.Seconds())
	switch advice := "set its clock by a time server (chrony, systemd-timesyncd) and look at why it was wrong"; {
	case off.Abs() >= clockWrong:
		add("clock", failure, value+": it must not lead", advice)
	case off.Abs() >= clockOff:
		add("clock", warning, value, advice)
	default:
		add("clock", fine, value, "")
	}
	if m.NoRoom != "" {
		add("disk", failure, m.NoRoom, "make room, or add some; the member goes on by itself")
	}
}

func (n *nodeFacts) checkDiagnosis(d *api.Diagnostics, add func(check string, g grade, value, advice string)) {
	if n.skew.Abs() > n.slack+clockWrong {
		add("clock", warning, fmt.Sprintf("%+.3f s from this machine's", n.skew.Seconds()), "where all members agree, it is this machine's clock that is wrong")
	}
	if disk := d.Disk; !disk.Short {
		value := fmt.Sprintf("%s free at %s, %s are kept free", bytesText(disk.Free), disk.Dir, bytesText(disk.Reserve))
		if disk.Free < 2*disk.Reserve {
			add("disk", warning, value, "make room before writes are refused")
		} else {
			add("disk", fine, value, "")
		}
	} else if n.own() == nil {
		add("disk", failure, bytesText(disk.Free)+" free", "make room, or add some; the node goes on by itself")
	}
	if d.Log != nil {
		checkLog(d, add)
	}
	checkCertificates(d, add)
	p := d.Process
	switch value := fmt.Sprintf("%d of %d files open", p.OpenFiles, p.OpenFileLimit); {
	case p.OpenFileLimit == 0:
	case p.OpenFileLimit < fewFiles:
		add("limits", warning, value, "raise it, so that many clients can be served: ulimit -n, LimitNOFILE=65536 of its unit")
	case uint64(p.OpenFiles) > p.OpenFileLimit/10*9:
		add("limits", warning, value, "clients are about to be turned away: raise it, or see who has so many connections")
	case p.FileSizeLimit != 0:
		add("limits", warning, fmt.Sprintf("files may have %s", bytesText(p.FileSizeLimit)), "a chain outgrows any limit: ulimit -f unlimited, LimitFSIZE=infinity")
	default:
		add("limits", fine, value, "")
	}
}

func checkCertificates(d *api.Diagnostics, add func(check string, g grade, value, advice string)) {
	for _, c := range d.Certificates {
		left := c.NotAfter.Sub(d.Now)
		value := fmt.Sprintf("%s: good until %s, %d days", c.Use, c.NotAfter.UTC().Format(time.DateOnly), int(left.Hours()/24))
		switch advice := "new ones: bpsc init renew; the node takes them without a restart"; {
		case left <= 0:
			add("certificate", failure, c.Use+": has ended on "+c.NotAfter.UTC().Format(time.RFC3339), advice)
		case left < certwatch.Soon:
			add("certificate", warning, value, advice)
		default:
			add("certificate", fine, value, "")
		}
	}
}

func checkLog(d *api.Diagnostics, add func(check string, g grade, value, advice string)) {
	l := d.Log
	value := fmt.Sprintf("writes of the log: p50 %.1f ms, p99 %.1f ms, longest %.0f ms", l.WriteP50, l.WriteP99, l.WriteMax)
	switch advice := "another, faster disk, or one that others do not use; else a longer --heartbeat"; {
	case l.Writes == 0:
		add("fsync", fine, "nothing was written since its start", "")
	case l.WriteP99 >= l.Heartbeat:
		add("fsync", failure, value, advice)
	case l.WriteP99*slowFsync >= l.Heartbeat:
		add("fsync", warning, value, advice)
	default:
		add("fsync", fine, value, "")
	}
	name := cmp.Or(l.File, "raft.db") // of a member whose release knows no other
	file := d.Disk.Bytes[name]
	value = fmt.Sprintf(name+" %s, with entries of %s", bytesText(uint64(max(file, 0))), bytesText(l.Bytes))
	if file > largeLog && uint64(file) > wastefulLog*l.Bytes {
		add("log", warning, value, "it becomes small by itself where the disk has room for a second one: make room")
	} else {
		add("log", fine, value, "")
	}
	if l.Snapshots == 0 {
		add("snapshot", fine, "none yet", "")
	} else {
		add("snapshot", fine, fmt.Sprintf("%s old, %d kept", d.Now.Sub(l.LastSnapshot).Round(time.Second), l.Snapshots), "")
	}
}
