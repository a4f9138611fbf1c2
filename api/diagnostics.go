package api

import (
	"net/http"
	"runtime"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/bpsc/bpsc/api/httpcache"
	"github.com/bpsc/bpsc/api/problem"
	"github.com/bpsc/bpsc/chain"
)

// Diagnostician tells an operator how a node is, beyond what anybody may know.
type Diagnostician interface {
	// Diagnose looks at the process and the disk; it takes milliseconds.
	Diagnose() Diagnostics
	// RecentLog is the last lines of the log, oldest first; nil where nobody keeps
	// them.
	RecentLog() []byte
}

// Diagnostics is how a node is. Nothing in it is secret: keys and what operators know
// are never read for it.
type Diagnostics struct {
	ID       string            `json:"id,omitempty"` // of a member
	Kind     string            `json:"kind"`         // member or follower
	Version  string            `json:"version"`
	Built    string            `json:"built"` // with which Go, for which system
	Began    time.Time         `json:"began"`
	Now      time.Time         `json:"now"` // by the clock of its machine
	Ready    string            `json:"not_ready,omitempty"`
	Process  ProcessStatus     `json:"process"`
	Disk     DiskStatus        `json:"disk"`
	Log      *LogStatus        `json:"log,omitempty"` // of a member
	Chains   []ChainStatus     `json:"chains"`        // the first MaxDiagnosed
	Settings map[string]string `json:"settings"`      // without secrets

	Certificates []CertificateStatus `json:"certificates,omitempty"`
}

// CertificateStatus is a certificate that a node shows, and until when it is good.
type CertificateStatus struct {
	Use      string    `json:"use"` // api for clients, member among members
	NotAfter time.Time `json:"not_after"`
}

// ProcessStatus is a process and its limits.
type ProcessStatus struct {
	PID           int    `json:"pid"`
	CPUs          int    `json:"cpus"`
	Goroutines    int    `json:"goroutines"`
	HeapBytes     uint64 `json:"heap_bytes"`
	OpenFiles     int    `json:"open_files,omitempty"`      // 0: the system does not say
	OpenFileLimit uint64 `json:"open_file_limit,omitempty"` // 0: the system does not say
	FileSizeLimit uint64 `json:"file_size_limit,omitempty"` // bytes; 0: none
	MemoryLimit   uint64 `json:"address_limit,omitempty"`   // bytes of address space; 0: none
}

// DiskStatus is the file system with the least to spare, and what the node has there.
type DiskStatus struct {
	Dir     string           `json:"dir"`
	Free    uint64           `json:"free_bytes"`
	Reserve uint64           `json:"reserve_bytes"` // what is to stay free
	Short   bool             `json:"short"`         // less is free: no writes are taken
	Bytes   map[string]int64 `json:"bytes"`         // of the log's file, and of folders
}

// LogStatus is a member's log and its snapshots.
type LogStatus struct {
	File         string    `json:"file"`                   // raft.db, or the folder wal
	Bytes        uint64    `json:"bytes"`                  // of the entries in it
	Writes       uint64    `json:"writes"`                 // since the start
	WriteP50     float64   `json:"write_p50_ms"`           // fsync included
	WriteP99     float64   `json:"write_p99_ms"`           //
	WriteMax     float64   `json:"write_max_ms"`           //
	Snapshots    int       `json:"snapshots"`              //
	LastSnapshot time.Time `json:"last_snapshot,omitzero"` // when the newest was taken
	Heartbeat    float64   `json:"heartbeat_ms"`           // silence after which others elect a leader
}

// ChainStatus is a chain, and what members and witnesses have said about it of late.
type ChainStatus struct {
	Token    string         `json:"token"`
	Length   uint64         `json:"length"`
	Tip      chain.Hash     `json:"tip"`
	Attested []AttestStatus `json:"attested"`
}

// AttestStatus is a member's, or a witness's, word on a chain.
type AttestStatus struct {
	Who    string     `json:"who"`
	Size   uint64     `json:"size"`
	Digest chain.Hash `json:"digest,omitzero"` // of its own state at that size; a witness has none
}

// diagnosticRoutes are the operator's, where there is somebody to ask.
// note notes that somebody looks, and lets it happen.
func (s *server) diagnosticRoutes(operator gin.IRoutes, note func(c *gin.Context, what string, do func() error) error) {
	if s.cfg.Diagnostics == nil {
		return
	}
	for path, h := range map[string]handler{"diagnostics": s.getDiagnostics, "diagnostics/log": s.getRecentLog, "diagnostics/goroutines": s.getGoroutines} {
		s.get(operator, "/v1/"+path, func(c *gin.Context) error {
			return note(c, strings.ReplaceAll(path, "/", "."), func() error { return h(c) })
		})
	}
}

// getDiagnostics is GET /v1/diagnostics.
func (s *server) getDiagnostics(c *gin.Context) error {
	d := s.cfg.Diagnostics.Diagnose()
	if d.Chains == nil {
		d.Chains = []ChainStatus{} // a list in JSON, never null
	}
	httpcache.NoStore(c.Writer.Header())
	return s.sendValue(c, http.StatusOK, d)
}

// getRecentLog is GET /v1/diagnostics/log: the last lines of the log as they were
// written.
func (s *server) getRecentLog(c *gin.Context) error {
	s.sendText(c, http.StatusOK, string(s.cfg.Diagnostics.RecentLog()))
	return nil
}

// getGoroutines is GET /v1/diagnostics/goroutines: the stack of each, which shows what
// a node hangs in. Everything stops for it, so there is one at a time.
func (s *server) getGoroutines(c *gin.Context) error {
	leave, ok := s.dumping.Enter()
	if !ok {
		return problem.TooManyClients
	}
	defer leave()
	text := make([]byte, maxGoroutines)
	s.sendText(c, http.StatusOK, string(text[:runtime.Stack(text, true)]))
	return nil
}
