package cluster

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/port"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/internal/identity"
	"github.com/bpsc/bpsc/internal/outcome"
)

// firstStart decides what a member with an empty directory is: a founder, or one that
// waits to be added. A founder asks the others first, for a directory may be empty
// because a disk was lost: what was on it nobody has, and the cluster rests on it.
func (m *Member) firstStart() error {
	dir := m.store.dir
	if !dir.Fresh() {
		return nil
	}
	switch {
	case m.cfg.Join:
		dir.Await()
	case len(m.cfg.Peers) == 0:
		return errors.New("cluster: the data directory is empty: a first start needs the list of founders, or is to join a cluster")
	case len(m.cfg.Peers) == 2 && !m.cfg.TwoVoters:
		return fmt.Errorf("cluster: %w: when either fails nothing is written any more; found it with one or three, or say that two are wanted", outcome.TwoVoters)
	default:
		dir.Found(roster.ClusterID(m.cfg.Peers))
		replaced, err := m.askFounders()
		if err != nil {
			return err
		}
		if replaced {
			m.log.Info("this member is being replaced: it waits to be added with its empty data directory")
			dir.Await()
		}
	}
	own := dir.Identity()
	m.port.Belong(string(own.Name()), own.Cluster)
	return nil
}

// askFounders asks the others whether they have a cluster at work already. replaced
// tells that it looks for a member of this id with an empty directory.
func (m *Member) askFounders() (replaced bool, err error) {
	ctx, cancel := context.WithTimeout(m.ctx, cmp.Or(m.cfg.ask, firstStartTimeout))
	defer cancel()
	own := m.store.dir.Identity()
	q := port.Inquiry{ID: m.cfg.ID, Instance: own.Instance, Cluster: own.Cluster}
	replies := make([]port.Reply, len(m.cfg.Peers))
	var asking sync.WaitGroup
	for i, p := range m.cfg.Peers {
		if p.ID != m.cfg.ID {
			asking.Go(func() { replies[i] = m.askFounder(ctx, p.Addr, q) })
		}
	}
	asking.Wait()
	for _, r := range replies {
		switch {
		case r.Standing == port.Open:
			return true, nil
		case r.Standing == port.Known:
			err = fmt.Errorf("cluster: %w, says %s: if its data is lost, replace it by `bpsc cluster replace %s` on another member "+
				"and start it again; if it is elsewhere, correct the data folder", ErrKnownID, r.ID, m.cfg.ID)
		case r.Standing == port.Unknown && r.Established && err == nil:
			err = fmt.Errorf("cluster: %w, says %s, which is at work: start this one with --join and add it by `bpsc cluster add %s %s` "+
				"on another member", ErrNotAMember, r.ID, m.cfg.ID, m.cfg.Bind)
		}
	}
	return false, err
}

// askFounder asks one of the others, again while it is only starting and may know. Who
// is silent says nothing against a first start.
func (m *Member) askFounder(ctx context.Context, addr string, q port.Inquiry) (r port.Reply) {
	for {
		var err error
		if r, err = m.port.Inquire(ctx, addr, q); err != nil || r.Serving || !r.Used {
			return r
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return r
		}
	}
}

// answerInquiry answers those who are no members, or do not know it yet.
func (m *Member) answerInquiry(q port.Inquiry) port.Reply {
	r := m.introduction()
	select {
	case <-m.serving:
	default:
		return r // it is only starting, and knows nothing
	}
	if q.Invite != "" {
		if err := m.accept(q); err != nil {
			r.Refused = err.Error()
			return r
		}
		r = m.introduction()
	}
	r.Serving, r.Established, r.Standing = true, m.raft.CommitIndex() > 1, m.standing(q.ID)
	return r
}

// introduction is who this member is.
func (m *Member) introduction() port.Reply {
	own := m.store.dir.Identity()
	return port.Reply{
		ID: own.Member, Instance: own.Instance, Name: string(own.Name()), Cluster: own.Cluster,
		Used: own.Ready, Knows: m.about().Knows,
	}
}

// accept makes this member, which waits for that, one of a cluster.
func (m *Member) accept(q port.Inquiry) error {
	own := m.store.dir.Identity()
	if q.Invite != string(own.Name()) || !own.Joined {
		return fmt.Errorf("%s is here, and not %s", own.Name(), q.Invite)
	}
	if err := q.Needs.Check(); err != nil {
		return err
	}
	if err := m.store.dir.Join(q.Cluster); err != nil {
		return err
	}
	m.port.Belong(string(own.Name()), q.Cluster)
	m.log.Info("added to a cluster", "by", q.ID)
	return nil
}

// standing is what an id is here, for a process with nothing on its disk.
func (m *Member) standing(id string) port.Standing {
	members := m.roster.Latest().Members
	there := slices.IndexFunc(members, func(c membership.Member) bool { return c.ID == id })
	founder := identity.New(id, "")
	switch {
	case len(members) == 0:
		return ""
	case there < 0:
		return port.Unknown
	case m.changer.IsReplacing(id):
		return port.Open
	case members[there].Instance != "", m.store.memory.Met(string(founder)), m.cfg.MayVote != nil && m.cfg.MayVote(founder):
		return port.Known
	}
	return port.Expected
}

// compareFlags says when the list of founders that this start was given is not who the
// members are: it counts no more.
func (m *Member) compareFlags() {
	var given, are []string
	for _, p := range roster.Sorted(m.cfg.Peers) {
		given = append(given, p.ID+"="+p.Addr)
	}
	for _, c := range m.roster.Latest().Members {
		are = append(are, c.ID+"="+c.Addr)
	}
	slices.Sort(are)
	if len(given) > 0 && len(are) > 0 && !slices.Equal(given, are) {
		m.log.Warn("the list of peers is for the first start only and is not who the members are now",
			"list", strings.Join(given, ","), "members", strings.Join(are, ","))
	}
}
