package logbridge

import (
	"log/slog"
	"strings"
	"sync"
	"time"
)

// quiet is how long messages about the same ordinary trouble are held back
// after one was written.
// That grows, to quietest, while the trouble goes on.
const (
	quiet    = 10 * time.Second
	quietest = 10 * time.Minute
)

// noise knows the messages that raft logs as errors, many times a second, when
// nothing worse has happened than that a peer is down, or a majority.
type noise struct {
	now func() time.Time

	mu   sync.Mutex
	seen map[string]*series // by prefix, so bounded by their number
}

type series struct {
	came    time.Time     // the last message
	written time.Time     // the last that was not held back
	wait    time.Duration // until the next is written
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

// elections returns the beginnings of messages about an election that nobody can
// win, several a second as long as a majority is away. The first of each is as
// good as all.
func elections() []string {
	return []string{
		"heartbeat timeout reached, starting election",
		"entering candidate state",
		"pre-vote campaign failed",
		"pre-vote denied",
		"Election timeout reached, restarting election",
	}
}

// judge tells at which level to write a message and how many alike were held
// back before it; ok is false when it is to be held back itself.
func (n *noise) judge(level slog.Level, msg string) (_ slog.Level, dropped int, ok bool) {
	for _, prefix := range elections() {
		if strings.HasPrefix(msg, prefix) {
			dropped, ok = n.pass(prefix)
			return level, dropped, ok
		}
	}
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
	if s == nil || now.Sub(s.came) > quiet { // a new trouble
		if s != nil {
			dropped = s.dropped
		}
		n.seen[prefix] = &series{came: now, written: now, wait: quiet}
		return dropped, true
	}
	s.came = now
	if now.Sub(s.written) < s.wait {
		s.dropped++
		return 0, false
	}
	dropped = s.dropped
	*s = series{came: now, written: now, wait: min(2*s.wait, quietest)}
	return dropped, true
}
