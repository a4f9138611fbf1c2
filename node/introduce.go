package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/node/folder"
)

// introduceEvery is how often a member tries again to make itself known.
const introduceEvery = 200 * time.Millisecond

// beginWait is how long the first chain of a cluster waits for members that are not
// there, so that it begins on the newest level.
const beginWait = 2 * time.Second

// introduce tells the cluster this member's URL and creates the default
// contract, once there is a leader. What the ledger refuses is not asked again:
// it would be an entry of the log each time. An error means that this member
// must not go on.
func (m *Member) introduce(ctx context.Context) error {
	m.introduced = time.Now()
	tick := time.NewTicker(introduceEvery)
	defer tick.Stop()
	for {
		err := m.tryIntroduce(ctx)
		if err == nil || errors.Is(err, ErrUsage) {
			return err
		}
		m.log.Debug("not introduced yet", "error", err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (m *Member) tryIntroduce(ctx context.Context) error {
	if err := m.cluster.Barrier(ctx); err != nil {
		return err
	}
	if err := m.sayRecovery(ctx); err != nil {
		return err
	}
	if !m.configured() {
		return errors.New("the configuration that this member is in has not come yet")
	}
	if err := m.announce(ctx, command.Announce{Member: m.identity(), URL: m.cfg.Advertise, Key: m.key.String(), Level: release.Newest}); err != nil {
		return err
	}
	for _, w := range m.cfg.Witnesses {
		if err := m.announce(ctx, command.Announce{Member: chain.WitnessID(w.Name), URL: w.URL, Key: w.Key.String()}); err != nil {
			return err
		}
	}
	if err := m.beginLevel(ctx); err != nil {
		return err
	}
	return m.settleDefault(ctx)
}

// beginLevel puts a cluster that has no chain yet on the newest level, before it has one:
// there is nothing to go back to. All members have to know that level; those that are
// not there are waited for as long as beginWait, and then an operator activates it.
func (m *Member) beginLevel(ctx context.Context) error {
	if _, begun := m.store.DefaultToken(); begun || m.store.Level().Level >= release.Newest {
		return nil
	}
	for id, other := range m.store.Members() {
		if other.Since > 0 && !other.Removed && other.Level < release.Newest {
			if time.Since(m.introduced) > beginWait {
				return nil
			}
			return fmt.Errorf("%s has not said yet that it knows level %d", id, release.Newest)
		}
	}
	if _, err := anyLevel(m.cluster).Activate(ctx, release.Newest); err != nil && !errors.Is(err, chain.LevelUnsupported) {
		return err
	}
	return nil
}

// configured tells whether the state has this member in its configuration; before that the
// cluster would take its key for a stranger's. A state that an older version has written
// learns its configuration with the next entry, whatever that is.
func (m *Member) configured() bool {
	return len(m.store.Voters()) == 0 || m.store.Member(m.identity()).Since > 0
}

// keyNotTaken is what a member says whose own key, or that of a witness, is not the one that was
// announced first.
const keyNotTaken = "the cluster does not take a key; what it signs does not count"

// announce makes a member or a witness known, unless it is or is known to be
// somebody else.
func (m *Member) announce(ctx context.Context, a command.Announce) error {
	known := m.store.Member(a.Member)
	if known.URL == a.URL && known.Key == a.Key && known.Level == a.Level {
		return nil
	}
	var err error
	if known.Key != "" && known.Key != a.Key {
		err = fmt.Errorf("%w: %s signs with %s", chain.MemberKeyFixed, a.Member, known.Key)
	} else {
		err = m.requests.Announce(ctx, a)
	}
	var refused chain.Code
	if !errors.As(err, &refused) {
		return err
	}
	if a.Member != m.identity() {
		m.log.Error(keyNotTaken, "of", a.Member, "key", a.Key, "error", err)
		return nil
	}
	m.log.Error(keyNotTaken, "of", a.Member, "key", a.Key, "error", err, "what to do", fmt.Sprintf(
		"What to do: put back the %[1]s that was kept when this member began. Where there is none,\n"+
			"stop this member. %[2]s --anew", m.path(folder.MemberKey), m.replacement()))
	m.attest.refused(err)
	return nil
}

// settleDefault creates the default contract where there is none. Members do so
// at the same time, and the first wins: what it made must be what all are
// configured for.
func (m *Member) settleDefault(ctx context.Context) error {
	if m.cfg.Contract == nil {
		if _, exists := m.store.DefaultToken(); !exists {
			m.log.Warn("there is no contract yet: start the members with --contract FILE, or make one with POST /v1/contracts")
		}
		return nil
	}
	if _, exists := m.store.DefaultToken(); !exists {
		if err := m.requests.CreateDefault(ctx, *m.cfg.Contract); err != nil && !errors.Is(err, chain.ContractExists) {
			return err
		}
		if err := m.cluster.Barrier(ctx); err != nil { // the answer may be ahead of this member's state
			return err
		}
	}
	return m.checkDefault()
}

// checkDefault fails when the cluster's default contract is another one than the
// one configured.
func (m *Member) checkDefault() error {
	token, exists := m.store.DefaultToken()
	if m.cfg.Contract == nil || !exists {
		return nil
	}
	there, err := m.store.Contract(token)
	if err != nil || there.Contract == *m.cfg.Contract {
		return err
	}
	want, err := m.cfg.Contract.MarshalJSON()
	if err != nil {
		return err
	}
	got, err := there.Contract.MarshalJSON()
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: --contract %s is not the cluster's default contract, which was made by a member with another file, "+
		"or by request, and which nobody can change.\n  configured: %s\n  default:    %s\n"+
		"What to do: give every member the same --contract. A default contract that is wrong means a new cluster, with new folders",
		ErrUsage, m.cfg.ContractFile, want, got)
}
