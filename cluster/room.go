package cluster

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/bpsc/bpsc/cluster/health"
	"github.com/bpsc/bpsc/cluster/status"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Room is how much the disk of a member has left.
type Room = health.Room

// roomPeriod is how often a member decides whether it makes way for one with more
// room: as often as it hears how the others are.
const roomPeriod = status.Period

// NoRoom is an outcome.DiskFull while clients' writes are to be refused here: this
// member's disk is short, or so many members' are that no majority with room is left.
// An entry that only a short disk completes to a majority is one that the fence is
// there to keep out.
//
// Every write asks, so it looks at nothing else of how the members are.
func (m *Member) NoRoom() error {
	if short := m.room().Short; short != "" {
		return fmt.Errorf("%w: %s", outcome.DiskFull, short)
	}
	var short []string
	voters, roomy := 0, 0
	for _, p := range m.roster.Latest().Members {
		if !p.Voter {
			continue
		}
		voters++
		name := string(p.Identity())
		if name == m.name {
			roomy++
			continue
		}
		switch there, noRoom := m.gatherer.NoRoom(name); {
		case noRoom != "":
			short = append(short, p.ID+": "+noRoom)
		case there:
			roomy++
		}
	}
	if len(short) == 0 || 2*roomy > voters {
		return nil
	}
	return fmt.Errorf("%w: no majority of the members has room: %s", outcome.DiskFull, strings.Join(short, "; "))
}

// room is how much the disk has left.
func (m *Member) room() health.Room {
	if m.cfg.Room == nil {
		return health.Room{}
	}
	return m.cfg.Room()
}

// better tells whether another member has room and could lead: it is ready, so that
// its log is as long as it has to be.
func (m *Member) better() bool {
	for _, v := range m.Status().Members {
		if v.Voter && string(v.Identity()) != m.name && v.Role != status.RoleUnreachable && v.NoRoom == "" && v.NotReady == "" && len(v.Unfit) == 0 {
			return true
		}
	}
	return false
}

// watchRoom makes way for members with more room, until ctx ends.
func (m *Member) watchRoom(ctx context.Context) {
	watch := health.NewRoomWatch(m.fitness, m.room, m.led, m.better)
	tick := time.NewTicker(roomPeriod)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			watch.Look(now)
		}
	}
}
