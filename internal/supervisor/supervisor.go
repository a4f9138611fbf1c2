// Package supervisor tells systemd how a process is that it supervises: that it is
// ready, loads its settings anew, stops, a line of status, and that it makes progress.
// Where nobody supervises it, it does nothing. See sd_notify(3).
package supervisor

import (
	"context"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/coreos/go-systemd/v22/daemon"
)

const (
	// statusEvery is how often the status is looked at; what has not changed is not
	// told again.
	statusEvery = 2 * time.Second

	// feedings is how often the watchdog is fed in the time that it waits: one that
	// is missed is no harm.
	feedings = 3

	// maxStatus bounds the line of status, which people read.
	maxStatus = 500
)

// Process is what is supervised.
type Process interface {
	// Stuck says why it should be ended; nil while it makes progress.
	Stuck() error
	// Summary is a line on how it is.
	Summary() string
}

// Supervisor is who is told. Its methods are safe for concurrent use.
type Supervisor struct {
	log      *slog.Logger
	watchdog time.Duration // 0: there is none
}

// New is the supervisor that the environment names.
func New(log *slog.Logger) *Supervisor {
	s := &Supervisor{log: log}
	var err error
	if s.watchdog, err = daemon.SdWatchdogEnabled(false); err != nil {
		log.Warn("the supervisor's watchdog is not fed", "error", err)
	}
	return s
}

// Starting tells that the process is not ready yet.
func (s *Supervisor) Starting() { s.tell("STATUS=starts") }

// Ready tells that it serves.
func (s *Supervisor) Ready() { s.tell(daemon.SdNotifyReady) }

// Stopping tells that it stops.
func (s *Supervisor) Stopping() { s.tell(daemon.SdNotifyStopping + "\nSTATUS=stops") }

// Reloading tells that settings are loaded anew, and with the function that it returns
// that this is done.
func (s *Supervisor) Reloading() (done func()) {
	s.tell(daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec())
	return s.Ready
}

// Watch tells of p until ctx ends. The watchdog is fed while p is not stuck.
func (s *Supervisor) Watch(ctx context.Context, p Process) {
	status := time.NewTicker(statusEvery)
	defer status.Stop()
	var feed <-chan time.Time
	if s.watchdog > 0 {
		t := time.NewTicker(s.watchdog / feedings)
		defer t.Stop()
		feed = t.C
	}
	var told, stuck string
	for {
		if summary := summarize(p); summary != told {
			told = summary
			s.tell("STATUS=" + summary)
		}
		select {
		case <-ctx.Done():
			return
		case <-status.C:
		case <-feed:
			err := p.Stuck()
			if err == nil {
				s.tell(daemon.SdNotifyWatchdog)
				stuck = ""
			} else if stuck != err.Error() {
				stuck = err.Error()
				s.log.Error("no progress: the supervisor is going to end this process", "reason", stuck)
			}
		}
	}
}

// summarize is p's summary as one short line: a second one would be read as a state.
func summarize(p Process) string {
	line := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, p.Summary())
	return strings.ToValidUTF8(line[:min(len(line), maxStatus)], "")
}

func (s *Supervisor) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Debug("the supervisor cannot be told", "error", err)
	}
}
