package doctor

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/backup"
	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/internal/latency"
)

// well is what is found out about a cluster of three that is well.
func well() *facts {
	f := &facts{now: time.Now(), backupAge: 26 * time.Hour}
	cluster := api.ClusterStatus{ID: "n1", Leader: "n1", Term: 3}
	for i := range 3 {
		m := api.MemberStatus{ID: fmt.Sprint("n", i+1), Role: "follower", Voter: true, Ready: true, Signing: true}
		cluster.Members = append(cluster.Members, m)
	}
	cluster.Members[0].Role = "leader"
	f.cluster = &cluster
	for i := range 3 {
		own := cluster
		own.ID, own.Version = cluster.Members[i].ID, "v1"
		own.Members = append([]api.MemberStatus(nil), cluster.Members...)
		f.members = append(f.members, nodeFacts{name: own.ID, url: "http://" + own.ID, cluster: &own, member: &cluster.Members[i], diagnose: &api.Diagnostics{
			Now: f.now, Disk: api.DiskStatus{Free: 1 << 40, Reserve: 1 << 28, Bytes: map[string]int64{"raft.db": 1 << 24}},
			Log:     &api.LogStatus{Writes: 9, WriteP50: 1, WriteP99: 5, Heartbeat: 150, Bytes: 1 << 23},
			Process: api.ProcessStatus{OpenFiles: 30, OpenFileLimit: 20_000},
			Chains:  []api.ChainStatus{{Token: "aka", Length: 9, Attested: []api.AttestStatus{{Who: own.ID, Size: 9, Digest: chain.Hash{7}}, {Who: "witness/w", Size: 8}}}},
		}})
	}
	return f
}

// certified gives a node a certificate with so much time left.
func (f *facts) certified(left time.Duration) {
	f.members[1].diagnose.Certificates = []api.CertificateStatus{{Use: "api", NotAfter: f.now.Add(left)}}
}

func (f *facts) own(i int) *api.MemberStatus { return &f.members[i].cluster.Members[i] }

func TestTheDoctorFindsWhatIsWrong(t *testing.T) {
	taken := func(age time.Duration, err error) backup.Entry {
		return backup.Entry{Manifest: backup.Manifest{Begin: backup.Begin{Taken: time.Now().Add(-age)}}, Err: err}
	}
	for name, tc := range map[string]struct {
		spoil func(f *facts)
		check string
		grade grade
		value string
	}{
		"all is well":                {func(*facts) {}, "", fine, ""},
		"nobody leads":               {func(f *facts) { f.nobodyLeads() }, "leader", failure, "none"},
		"one voter is unreachable":   {func(f *facts) { f.own(0); f.view().Members[2].Role = "unreachable" }, "quorum", warning, "2 of 3 voters, needs 2, can lose 0"},
		"two voters are unreachable": {func(f *facts) { f.view().Members[1].Role, f.view().Members[2].Role = "unreachable", "unreachable" }, "quorum", failure, "nothing can be written"},
		"one member alone":           {func(f *facts) { f.view().Members = f.view().Members[:1] }, "quorum", warning, "1 of 1"},
		"a certificate ends soon":    {func(f *facts) { f.certified(9 * 24 * time.Hour) }, "certificate", warning, "api: good until"},
		"a certificate has ended":    {func(f *facts) { f.certified(-time.Minute) }, "certificate", failure, "api: has ended"},
		"one is down":                {func(f *facts) { f.members[1] = nodeFacts{name: "n2", down: "connection refused"} }, "member", failure, "n2: does not answer: connection refused"},
		"one is not ready":           {func(f *facts) { f.own(1).Ready, f.own(1).NotReady = false, "it lags" }, "member", failure, "n2: is not ready: it lags"},
		"one does not sign":          {func(f *facts) { f.own(1).Signing, f.own(1).NotSigning = false, "no key" }, "member", warning, "no key"},
		"one lags":                   {func(f *facts) { f.own(2).Lag = 5000 }, "member", warning, "5000 entries"},
		"a clock is an hour behind":  {func(f *facts) { f.own(1).ClockOffsetMS = -3_600_000 }, "clock", failure, "n2: -3600.000 s"},
		"a clock is a little ahead":  {func(f *facts) { f.own(1).ClockOffsetMS = 200 }, "clock", warning, "+0.200 s"},
		"this machine's clock":       {func(f *facts) { f.members[0].skew = time.Minute }, "clock", warning, "from this machine's"},
		"no room":                    {func(f *facts) { f.own(0).NoRoom = "12 MiB are free" }, "disk", failure, "n1: 12 MiB"},
		"little room":                {func(f *facts) { f.members[0].diagnose.Disk.Free = 1<<28 + 1 }, "disk", warning, "256.0 MiB free"},
		"a slow disk":                {func(f *facts) { f.members[0].diagnose.Log.WriteP99 = 31 }, "fsync", warning, "p99 31.0 ms"},
		"a disk that is too slow":    {func(f *facts) { f.members[0].diagnose.Log.WriteP99 = 150 }, "fsync", failure, "p99 150.0 ms"},
		"a log file that is large":   {func(f *facts) { f.members[0].diagnose.Disk.Bytes["raft.db"] = 2 << 30 }, "log", warning, "2.0 GiB"},
		"few files":                  {func(f *facts) { f.members[0].diagnose.Process.OpenFileLimit = 1024 }, "limits", warning, "of 1024"},
		"nearly all files":           {func(f *facts) { f.members[0].diagnose.Process.OpenFiles = 19_000 }, "limits", warning, "19000 of 20000"},
		"a bound for files":          {func(f *facts) { f.members[0].diagnose.Process.FileSizeLimit = 1 << 30 }, "limits", warning, "1.0 GiB"},
		"two versions":               {func(f *facts) { f.members[2].cluster.Version = "v2" }, "versions", warning, "v1 on n1, n2; v2 on n3"},
		"digests differ":             {func(f *facts) { f.members[1].diagnose.Chains[0].Attested[0].Digest = chain.Hash{8} }, "digests", failure, "aka: the states of n1, n2, n3 differ at block 9"},
		"a witness lags":             {func(f *facts) { f.members[0].diagnose.Chains[0].Length = 2000 }, "witness", warning, "w: aka is 1992 blocks behind"},
		"a slow probe":               {func(f *facts) { f.data, f.probe = "d", latency.Summary{Count: 1, P99: time.Second} }, "probe", failure, "p99 1000.0 ms"},
		"no probe":                   {func(f *facts) { f.data, f.failed = "d", errors.New("d: permission denied") }, "probe", failure, "permission denied"},
		"no backup":                  {func(f *facts) { f.backup = "b" }, "backup", failure, "there is none"},
		"an old backup":              {func(f *facts) { f.backup, f.backups = "b", []backup.Entry{taken(50*time.Hour, nil)} }, "backup", failure, "50h0m0s old"},
		"a broken backup": {func(f *facts) {
			f.backup, f.backups = "b", []backup.Entry{taken(time.Hour, nil), taken(time.Minute, backup.ErrDamaged)}
		}, "backup", warning, "1h0m0s old, of 1; 1 cannot be used"},
		"backups out of reach": {func(f *facts) { f.backup, f.unlisted = "b", errors.New("no such bucket") }, "backup", failure, "no such bucket"},
	} {
		t.Run(name, func(t *testing.T) {
			f := well()
			tc.spoil(f)
			found := newDiagnosis(f.check())
			if found.Grade != tc.grade {
				t.Errorf("it is called %s", found.Grade)
			}
			for _, is := range found.Findings {
				if is.Grade == warning || is.Grade == failure || is.Grade == unasked {
					if is.Advice == "" {
						t.Errorf("it does not say what to do: %+v", is)
					}
				}
				if is.Check == tc.check && is.Grade == tc.grade && strings.Contains(is.Value, tc.value) {
					return
				}
			}
			if tc.check != "" {
				t.Errorf("it is not found: %+v", found.Findings)
			}
		})
	}
}

func (f *facts) nobodyLeads() {
	f.cluster.Leader = ""
	for i := range f.members {
		f.members[i].cluster.Leader = ""
	}
}

func TestTheProbeLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	took, err := probeDisk(t.Context(), dir)
	if err != nil || took.Count == 0 || took.Count > probeWrites || took.P99 < took.P50 {
		t.Errorf("%+v, %v", took, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := probeDisk(ended, dir); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("%v, %v", left, err)
	}
	if _, err := probeDisk(t.Context(), filepath.Join(dir, "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}
