package node

import (
	"fmt"
	"io/fs"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bpsc/bpsc/api"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/internal/rlimit"
	"github.com/bpsc/bpsc/node/folder"
	"github.com/bpsc/bpsc/store"
)

// maxCounted bounds the files that are counted to tell how large a folder is: a store
// of a billion records has as many.
const maxCounted = 100_000

// memberDiagnosis tells a member's operator how it is.
type memberDiagnosis struct {
	*Member
	began time.Time
}

// Diagnose implements api.Diagnostician.
func (m memberDiagnosis) Diagnose() api.Diagnostics {
	d := m.diagnose("member", m.began, m.store)
	d.ID, d.Settings = m.cfg.ID, m.cfg.shown(m.access.Load())
	if err := m.Ready(); err != nil {
		d.Ready = err.Error()
	}
	raft := m.path(folder.Raft)
	for _, name := range []string{m.cluster.LogName(), "snapshots"} {
		d.Disk.Bytes[name] = sizeOf(filepath.Join(raft, name))
	}
	writes := m.cluster.LogWrites()
	d.Log = &api.LogStatus{File: m.cluster.LogName(), Bytes: m.cluster.LogBytes(), Writes: writes.Count, Heartbeat: millis(m.cfg.Heartbeat),
		WriteP50: millis(writes.P50), WriteP99: millis(writes.P99), WriteMax: millis(writes.Max)}
	d.Log.Snapshots, d.Log.LastSnapshot = snapshotsIn(filepath.Join(raft, "snapshots"))
	return d
}

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// followerDiagnosis is the same of a follower.
type followerDiagnosis struct {
	*Follower
	began time.Time
}

// Diagnose implements api.Diagnostician.
func (f followerDiagnosis) Diagnose() api.Diagnostics {
	d := f.diagnose("follower", f.began, f.store)
	d.Settings = f.cfg.shown(f.access.Load())
	if err := f.Ready(); err != nil {
		d.Ready = err.Error()
	}
	return d
}

// RecentLog implements api.Diagnostician.
func (s *service) RecentLog() []byte {
	if s.common.RecentLog == nil {
		return nil
	}
	return s.common.RecentLog()
}

// diagnose is what all nodes with a store have in common.
func (s *service) diagnose(kind string, began time.Time, state *store.Store) api.Diagnostics {
	space := s.fence.Space()
	return api.Diagnostics{
		Kind: kind, Version: s.common.Version, Built: fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
		Began: began.UTC(), Now: time.Now().UTC(), Process: processStatus(), Chains: chainStatus(state),
		Certificates: s.Certificates(),
		Disk: api.DiskStatus{Dir: space.Dir, Free: space.Free, Reserve: space.Reserve, Short: space.Short,
			Bytes: map[string]int64{"state": sizeOf(filepath.Join(s.common.Data, folder.State))}},
	}
}

func processStatus() api.ProcessStatus {
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	p := api.ProcessStatus{PID: os.Getpid(), CPUs: runtime.GOMAXPROCS(0), Goroutines: runtime.NumGoroutine(), HeapBytes: memory.HeapAlloc}
	limits := rlimit.Read()
	p.OpenFileLimit, p.FileSizeLimit, p.MemoryLimit = limits.OpenFiles, limits.FileSize, limits.Memory
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		p.OpenFiles = len(open)
	}
	return p
}

func chainStatus(state *store.Store) (list []api.ChainStatus) {
	infos := state.Contracts()
	for _, info := range infos[:min(len(infos), api.MaxDiagnosed)] {
		c := api.ChainStatus{Token: info.Contract.Token, Length: info.Length, Tip: info.Tip, Attested: []api.AttestStatus{}}
		said, _, err := state.Attestations(c.Token)
		if err != nil {
			continue // the store is closing
		}
		for _, a := range said {
			c.Attested = append(c.Attested, api.AttestStatus{Who: a.Member, Size: a.Size, Digest: a.Digest})
		}
		list = append(list, c)
	}
	return list
}

// sizeOf is how large a file or a folder is, as far as it can be seen: files come and
// go meanwhile.
func sizeOf(path string) (bytes int64) {
	counted := 0
	_ = filepath.WalkDir(path, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return nil
		}
		if counted++; counted > maxCounted {
			return fs.SkipAll
		}
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}

// snapshotsIn counts the snapshots in a folder, and tells when the newest was made.
func snapshotsIn(dir string) (count int, newest time.Time) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || strings.HasSuffix(e.Name(), ".tmp") {
			continue
		}
		count++
		if info.ModTime().After(newest) {
			newest = info.ModTime().UTC()
		}
	}
	return count, newest
}

// shown is the settings as the operator's diagnostics show them: each is named here, so
// that one which is secret is not shown by being forgotten.

func (c *Common) shown() map[string]string {
	s := map[string]string{"data": c.Data, "listen": c.Listen, "admin": c.Admin, "min-free": c.MinFree.String(), "files": strconv.Itoa(c.Files)}
	c.TLS.show(s)
	return s
}

func (a *Access) show(in map[string]string) {
	in["allow-host"], in["allow-origin"] = strings.Join(a.AllowHost, ","), strings.Join(a.AllowOrigin, ",")
	in["anonymous"] = strings.Join(a.Anonymous, ",")
	in["rate-per-address"], in["rate-per-token"] = a.Edge.PerAddress.String(), a.Edge.PerToken.String()
	in["unlimited-network"] = joined(a.Edge.Unlimited, netip.Prefix.String)
	in["operator-secret"] = "not set"
	if a.OperatorSecret != "" {
		in["operator-secret"] = "set"
	}
}

func (c *MemberConfig) shown(now *Access) map[string]string {
	s := c.Common.shown()
	now.show(s)
	c.MemberTLS.show(s)
	s["id"], s["raft"], s["advertise"], s["heartbeat"] = c.ID, c.Raft, shownURL(c.Advertise), c.Heartbeat.String()
	s["cluster"] = joined(c.Peers, func(p roster.Peer) string { return p.ID + "=" + p.Addr })
	s["contract"], s["log-store"] = c.ContractFile, c.LogStore
	s["witnesses"] = joined(c.Witnesses, func(w proof.Cosigner) string { return w.Name + "=" + shownURL(w.URL) })
	s["witness-quorum"] = strconv.Itoa(c.WitnessQuorum)
	return s
}

func (c *FollowerConfig) shown(now *Access) map[string]string {
	s := c.Common.shown()
	now.show(s)
	s["advertise"], s["strict"] = shownURL(c.Advertise), strconv.FormatBool(c.Strict)
	var sources []string
	for _, of := range c.Sources {
		sources = append(sources, of.Token+"="+joined(of.Upstreams, shownURL))
	}
	slices.Sort(sources)
	s["sources"], s["first-use"], s["policies"] = strings.Join(sources, " "), strings.Join(c.FirstUse, ","), strconv.Itoa(len(c.Policies))
	return s
}

func joined[T any](list []T, text func(T) string) string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = text(list[i])
	}
	return strings.Join(texts, ",")
}

// shownURL leaves out of a URL where secrets may be.
func shownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}
