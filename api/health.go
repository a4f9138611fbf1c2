package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/internal/release"
)

// ClusterStatus is how the cluster looks from one member.
type ClusterStatus struct {
	ID      string `json:"id"`     // of the member that answers
	Leader  string `json:"leader"` // empty when none is known
	Term    uint64 `json:"term"`
	Version string `json:"version,omitempty"` // set by this package
	// Configuration is the index of the entry that made the members those that they
	// are: what a change of them compares with.
	Configuration uint64         `json:"configuration"`
	Health        ClusterHealth  `json:"health"` // set by this package
	Members       []MemberStatus `json:"members"`
}

// ClusterHealth is what the members say of themselves, taken together.
type ClusterHealth struct {
	Summary  string `json:"summary"` // for people
	Voters   int    `json:"voters"`
	Healthy  int    `json:"healthy"`  // voters that answer and can serve
	Majority int    `json:"majority"` // how many voters it takes to order anything
	CanLose  int    `json:"can_lose"` // how many of the healthy ones may fail
}

// MemberStatus is one member as it described itself.
type MemberStatus struct {
	ID            string `json:"id"`
	Instance      string `json:"instance,omitempty"` // of its disk; none for one of the first members
	Voter         bool   `json:"voter"`
	Stays         bool   `json:"stays,omitempty"`     // a non-voter for good
	Replacing     bool   `json:"replacing,omitempty"` // its replacement is open: an empty folder with its id may join
	Waits         string `json:"waits,omitempty"`     // what a non-voter waits for that is to become a voter
	Raft          string `json:"raft"`                // host:port of its Raft transport
	API           string `json:"api"`                 // URL of its API
	Role          string `json:"role"`                // leader, follower, candidate, unreachable
	Term          uint64 `json:"term"`
	Applied       uint64 `json:"applied"`
	Commit        uint64 `json:"commit"`
	Last          uint64 `json:"last"`            // last entry of its log
	Lag           uint64 `json:"lag"`             // entries it has to apply to reach the leader
	LastContactMS int64  `json:"last_contact_ms"` // since it last heard the leader
	ClockOffsetMS int64  `json:"clock_offset_ms"` // its clock minus that of a majority

	Version        string        `json:"version,omitempty"`         // of its bpsc
	LevelSupported release.Level `json:"level_supported,omitempty"` // the newest that it knows
	LevelActive    release.Level `json:"level_active,omitempty"`    // what its state says that the cluster is on

	Unfit []string `json:"unfit,omitempty"` // why it must not lead, if so

	NoRoom   string `json:"no_room,omitempty"`   // why it takes no writes for want of room on its disk, if so
	DiskFree uint64 `json:"disk_free,omitempty"` // bytes, on the file system with the least to spare
	// DiskReserve is bytes of those that should stay free: with less it takes no writes.
	DiskReserve uint64 `json:"disk_reserve,omitempty"`

	Ready      bool   `json:"ready"`                 // it can serve
	NotReady   string `json:"not_ready,omitempty"`   // why it cannot
	Signing    bool   `json:"signing"`               // it signs the chains that it holds
	NotSigning string `json:"not_signing,omitempty"` // why it does not

	// What a member of a release before does not say, nor one that does not answer.
	Began         time.Time           `json:"began,omitzero"`             // when it started
	SnapshotIndex uint64              `json:"snapshot_index,omitempty"`   // last entry that its newest snapshot covers
	SnapshotTaken time.Time           `json:"snapshot_taken,omitzero"`    // when it took that
	LogWriteP99   float64             `json:"log_write_p99_ms,omitempty"` // of the last 10 to 20 s, fsync included; none where it wrote nothing
	Certificates  []CertificateStatus `json:"certificates,omitempty"`

	Agreement *Agreement `json:"agreement,omitempty"` // of its state with the others', where it has told
}

// Agreement is what a member has told of its own state of the chains, in the attestations
// that are in the log, beside what others told of theirs at the same size. A member whose
// state a majority contradicts stops by itself.
type Agreement struct {
	Chains   int      `json:"chains"`            // of the first MaxDiagnosed, those of which it has told
	Compared int      `json:"compared"`          // those of which another told the same size
	Differs  []string `json:"differs,omitempty"` // tokens of chains of which it is not with the most
	// Size is how many blocks of the default contract's chain it agrees on with another.
	Size uint64 `json:"size,omitempty"`
}

// healthOf takes together what the members say.
func healthOf(members []MemberStatus) (h ClusterHealth) {
	for _, m := range members {
		if !m.Voter {
			continue
		}
		h.Voters++
		if m.Ready && m.Role != unreachable {
			h.Healthy++
		}
	}
	h.Majority = h.Voters/2 + 1
	h.CanLose = max(h.Healthy-h.Majority, 0)
	h.Summary = fmt.Sprintf("%d of %d healthy, can lose %d", h.Healthy, h.Voters, h.CanLose)
	if h.Healthy < h.Majority {
		h.Summary = fmt.Sprintf("%d of %d healthy, and it takes %d", h.Healthy, h.Voters, h.Majority)
	}
	return h
}

// unreachable is the role of a member that does not answer.
const unreachable = "unreachable"

// getCluster is GET /v1/cluster.
func (s *memberServer) getCluster(c *gin.Context) error {
	status := s.member.Cluster()
	status.Version, status.Health = s.cfg.Version, healthOf(status.Members)
	if status.Members == nil {
		status.Members = []MemberStatus{} // a list in JSON, never null
	}
	httpcache.NoStore(c.Writer.Header())
	return s.sendValue(c, http.StatusOK, status)
}

// livez is GET /livez: this process answers. It asks nothing of the cluster,
// or a lost leader would have every member restarted.
func (s *server) livez(c *gin.Context) error {
	s.sendText(c, http.StatusOK, "ok\n")
	return nil
}

// readyz is GET /readyz: this member should get requests. ?verbose lists what
// was looked at.
func (s *memberServer) readyz(c *gin.Context) error {
	line := "[-]leader unknown\n"
	if id, ok := s.member.Leader(); ok {
		line = "[+]leader " + id + "\n"
	}
	s.sendReady(c, "member", s.member.Ready(), line)
	return nil
}

// readyz is GET /readyz: this follower should get requests.
func (s *followerServer) readyz(c *gin.Context) error {
	s.sendReady(c, "follower", s.node.Ready(), "[ ]last contact "+s.node.LastContact().String()+" ago\n")
	return nil
}

// sendReady answers for what kind of node this is; more is for ?verbose.
func (s *server) sendReady(c *gin.Context, kind string, unready error, more string) {
	status, text, line := http.StatusOK, "ok\n", "[+]"+kind+" ok\n"
	if unready != nil {
		status, text = http.StatusServiceUnavailable, unready.Error()+"\n"
		line = "[-]" + kind + " " + text
	}
	if _, verbose := c.GetQuery("verbose"); verbose {
		text = line + more + s.contractLine() + s.certificateLines(time.Now())
	}
	s.sendText(c, status, text)
}

// contractLine is for information: a member without a contract takes the
// request that creates one.
func (s *server) contractLine() string {
	if token, ok := s.read.DefaultToken(); ok {
		return "[+]contract " + token + "\n"
	}
	if why := s.role.whyNoContract(); why != "" {
		return "[ ]contract none yet: " + why + "\n"
	}
	return "[ ]contract none yet\n"
}

// certificateLines are for information too: who is shown one that has ended does not get
// here, and takes no other as long as that is not replaced.
func (s *server) certificateLines(now time.Time) (lines string) {
	if s.cfg.Certificates == nil {
		return ""
	}
	for _, c := range s.cfg.Certificates() {
		mark := "[+]"
		if !now.Before(c.NotAfter) {
			mark = "[-]"
		}
		lines += mark + "certificate " + c.Use + " until " + c.NotAfter.UTC().Format(time.RFC3339) + "\n"
	}
	return lines
}

func (s *server) sendText(c *gin.Context, status int, text string) {
	header := c.Writer.Header()
	header[headerType] = typeText
	httpcache.NoStore(header)
	s.send(c, status, []byte(text))
}

// getSync is GET /v1/sync: how this follower keeps up with each chain, what it
// refused to take, and why.
func (s *followerServer) getSync(c *gin.Context) error {
	httpcache.NoStore(c.Writer.Header())
	return s.sendValue(c, http.StatusOK, s.node.Sync())
}
