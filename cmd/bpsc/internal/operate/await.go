package operate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/bpsc/bpsc/client"
	"github.com/bpsc/bpsc/cmd/bpsc/internal/cli"
	"github.com/bpsc/bpsc/internal/outcome"
)

const (
	// joinWait is how long a server waits for a member that has not started yet,
	// before it is asked again.
	joinWait = 20 * time.Second
	// startWait is how long a member that is added may take to start: whoever starts
	// it and goes on with the command need not wait in between.
	startWait = 5 * time.Second
	// lookEvery is how often the cluster is looked at while something is waited for.
	lookEvery = 500 * time.Millisecond
	// lagEvery is how often a lag that changes is told.
	lagEvery = 2 * time.Second
)

// make makes the change and waits for what follows from it, over changes of the
// leader and answers that are lost. Progress is told to people.
func (c *changeOptions) make(ctx context.Context, servers *client.Client, people io.Writer) (changed client.MembersChanged, err error) {
	if c.change.DryRun {
		return c.ask(ctx, servers, 0)
	}
	before, err := c.look(ctx, servers)
	if err != nil {
		return changed, err
	}
	// The others know what became of the change where it has removed who was asked.
	if servers, err = servers.Also(reached(before)...); err != nil {
		return changed, err
	}
	w := &watch{change: c.change, before: before, people: people}
	if changed, err = c.insist(ctx, servers, w); err != nil || !c.awaits() {
		return changed, err
	}
	changed.Index, err = c.awaitVoter(ctx, servers, w, changed.Index)
	return changed, err
}

// reached are the URLs of the members.
func reached(cluster client.Cluster) (urls []string) {
	for _, m := range cluster.Members {
		if m.API != "" {
			urls = append(urls, m.API)
		}
	}
	return urls
}

// awaits tells whether the command ends only once there is a voter.
func (c *changeOptions) awaits() bool {
	return !c.noWait && !c.change.NonVoter && (c.change.Kind == client.AddMember || c.change.Kind == client.ReplaceMember)
}

// insist asks until the change is made or refused. After an answer was lost, the
// cluster shows whether it was made.
func (c *changeOptions) insist(ctx context.Context, servers *client.Client, w *watch) (changed client.MembersChanged, err error) {
	began := time.Now()
	for lost := false; ; {
		changed, err = c.ask(ctx, servers, c.joinWait())
		unknown := errors.Is(err, client.ErrOutcomeUnknown)
		lost = lost || unknown
		switch {
		case err == nil:
			return changed, nil
		case lost:
			now, failed := c.look(ctx, servers)
			if failed == nil && w.made(now) {
				return client.MembersChanged{Index: now.Configuration, Steps: []client.MemberStep{}}, nil
			}
			if failed == nil && !unknown {
				return changed, err
			}
		case errors.Is(err, outcome.MemberUnreachable) && (c.joinWait() > 0 || c.starts() && time.Since(began) < startWait):
			w.say("", "waiting for %s with an empty folder: bpsc server --id %[1]s …", c.change.ID)
		default:
			return changed, err
		}
		if !sleep(ctx, lookEvery) {
			return changed, err
		}
	}
}

// starts tells whether the change is of a member that may just be starting.
func (c *changeOptions) starts() bool { return !c.noWait && c.change.Kind == client.AddMember }

// joinWait is how long the server is to wait at a time.
func (c *changeOptions) joinWait() time.Duration {
	if c.noWait || c.change.Kind != client.ReplaceMember {
		return 0
	}
	return min(joinWait, c.within)
}

// ask sends the change once. A request does not take as long as all of it may.
func (c *changeOptions) ask(ctx context.Context, servers *client.Client, wait time.Duration) (client.MembersChanged, error) {
	ctx, cancel := context.WithTimeout(ctx, max(c.Timeout, 2*time.Second)+wait)
	defer cancel()
	return servers.ChangeMembers(ctx, c.change, wait)
}

// look asks how the cluster is.
func (c *changeOptions) look(ctx context.Context, servers *client.Client) (client.Cluster, error) {
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	return servers.Cluster(ctx)
}

// awaitVoter waits until the member votes, and the one that it replaces is gone.
func (c *changeOptions) awaitVoter(ctx context.Context, servers *client.Client, w *watch, index uint64) (uint64, error) {
	var why string
	for {
		now, err := c.look(ctx, servers)
		switch {
		case err != nil:
			why = err.Error()
		case w.done(now):
			w.say("", "%s %s", c.change.ID, w.end())
			return now.Configuration, nil
		case now.Configuration >= index && !w.made(now):
			return 0, fmt.Errorf("%w: somebody has removed %s meanwhile", cli.ErrRejected, c.change.ID)
		default:
			why = w.progress(now)
		}
		if !sleep(ctx, lookEvery) {
			return 0, fmt.Errorf("%s is not there yet (%s); it goes on by itself: look with bpsc cluster status", c.change.ID, why)
		}
	}
}

// watch knows what a change leads to. It is used by one goroutine.
type watch struct {
	change client.MemberChange
	before client.Cluster
	people io.Writer

	told string // what was told last, but for numbers
	at   time.Time
}

// members are those with an id, and the instance if one is named.
func members(of client.Cluster, id, instance string) (found []client.ClusterMember) {
	for _, m := range of.Members {
		if m.ID == id && (instance == "" || m.Instance == instance) {
			found = append(found, m)
		}
	}
	return found
}

// newcomers are the members with the id that were not there before.
func (w *watch) newcomers(now client.Cluster) []client.ClusterMember {
	return slices.DeleteFunc(members(now, w.change.ID, ""), func(m client.ClusterMember) bool {
		return slices.ContainsFunc(w.before.Members, func(b client.ClusterMember) bool { return b.ID == m.ID && b.Instance == m.Instance })
	})
}

// made tells whether the change has been made: whether its answer was lost, and not
// the request.
func (w *watch) made(now client.Cluster) bool {
	there := members(now, w.change.ID, w.change.Instance)
	all := func(is func(client.ClusterMember) bool) bool {
		return len(there) > 0 && !slices.ContainsFunc(there, func(m client.ClusterMember) bool { return !is(m) })
	}
	switch w.change.Kind {
	case client.AddMember:
		return all(func(m client.ClusterMember) bool { return m.Raft == w.change.Raft })
	case client.PromoteMember:
		return all(func(m client.ClusterMember) bool { return m.Voter })
	case client.DemoteMember:
		return all(func(m client.ClusterMember) bool { return m.Stays })
	case client.RemoveMember:
		return len(there) == 0
	case client.ReplaceMember:
		return len(w.newcomers(now)) > 0
	}
	return now.Leader != "" && now.Leader == cmp.Or(w.change.ID, now.Leader) && (w.change.ID != "" || now.Leader != w.before.Leader)
}

// done tells whether all that follows has happened too.
func (w *watch) done(now client.Cluster) bool {
	there := members(now, w.change.ID, "")
	if len(there) != 1 {
		return false
	}
	if w.change.Kind == client.ReplaceMember {
		return len(w.newcomers(now)) == 1 && there[0].Voter == slices.ContainsFunc(members(w.before, w.change.ID, ""), func(m client.ClusterMember) bool { return m.Voter })
	}
	return there[0].Voter
}

// end is how it ends.
func (w *watch) end() string {
	if w.change.Kind == client.ReplaceMember {
		return "is replaced; the old one never comes back"
	}
	return "is a voter"
}

// progress tells how far it is, and returns it.
func (w *watch) progress(now client.Cluster) string {
	there := members(now, w.change.ID, "")
	if len(there) == 0 { // whoever answers is behind: removed itself, perhaps
		return w.say("", "the server that answers knows nothing of %s", w.change.ID)
	}
	m := there[len(there)-1] // the newest
	switch {
	case m.Voter:
		return w.say("", "%s is a voter, and the old one is being removed", m.ID)
	case m.Role == "unreachable":
		return w.say("", "%s is a non-voter that does not answer", m.ID)
	case m.Lag > 0:
		return w.say("lag", "%s is a non-voter, %d entries behind", m.ID, m.Lag)
	}
	return w.say("", "%s is a non-voter: %s", m.ID, cmp.Or(m.Waits, "it catches up"))
}

// say tells something once; of what has the same key, now and then.
func (w *watch) say(key, format string, args ...any) string {
	text := fmt.Sprintf(format, args...)
	key = cmp.Or(key, text)
	if key != w.told || key != text && time.Since(w.at) >= lagEvery {
		fmt.Fprintln(w.people, cli.PrintableLine(text))
		w.told, w.at = key, time.Now()
	}
	return text
}

// sleep waits, or returns false when ctx ends.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
