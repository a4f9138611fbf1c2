package logbridge

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// quiet is how long messages about the same ordinary trouble are held back
// after one was written.
const quiet = 10 * time.Second

// noise knows the messages that raft logs as errors, many times a second, when
// nothing worse has happened than that a peer is down.
type noise struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[string]*series // by prefix, so bounded by their number
}

type series struct {
	last    time.Time
	dropped int
}

func newNoise() *noise {
	return &noise{now: time.Now, seen: map[string]*series{}}
}

// ordinary returns the beginnings of messages that only say a peer is away.
func ordinary() []string {
	return []string{
		"failed to heartbeat to",
		"failed to appendEntries to",
		"failed to make requestVote RPC",
		"failed to make TimeoutNow RPC",
		"failed to pipeline appendEntries to",
		"failed to start pipeline replication to",
		"failed to send snapshot to",
		"failed to install snapshot",
		"failed to decode incoming command",
		"failed to flush response",
		"failed to contact",
		"appendEntries rejected, sending older logs",
	}
}

// judge tells at which level to write a message and how many alike were held
// back before it; ok is false when it is to be held back itself.
func (n *noise) judge(level slog.Level, msg string) (_ slog.Level, dropped int, ok bool) {
	if level < slog.LevelWarn {
		return level, 0, true
	}
	for _, prefix := range ordinary() {
		if strings.HasPrefix(msg, prefix) {
			dropped, ok = n.pass(prefix)
			return slog.LevelWarn, dropped, ok
		}
	}
	return level, 0, true
}

func (n *noise) pass(prefix string) (dropped int, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	s := n.seen[prefix]
	if s == nil {
		n.seen[prefix] = &series{last: now}
		return 0, true
	}
	if now.Sub(s.last) < quiet {
		s.dropped++
		return 0, false
	}
	dropped = s.dropped
	*s = series{last: now}
	return dropped, true
}
