package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/bpsc/bpsc/cluster/membership"
	"github.com/bpsc/bpsc/cluster/peer"
	"github.com/bpsc/bpsc/cluster/reconfig"
	"github.com/bpsc/bpsc/internal/outcome"
)

// What changes of the members are made of; see package membership.
type (
	Change           = membership.Change
	Changed          = membership.Changed
	Step             = membership.Step
	ChangeKind       = membership.Kind
	Configuration    = membership.Configuration
	ConfiguredMember = membership.Member
)

// Change changes who the members are, or says what that would do. It may be called on
// any member and is done by the one that leads. Where leadership has to change hands on
// the way, the new leader does the rest.
//
// It returns once the change is final, except for what a leader does by itself
// afterwards: the vote of a member that was added, and the removal of one that was
// replaced. A replacement waits until ctx ends for the new member.
//
// Errors wrap the outcome.Code that says why nothing has changed, or outcome.Unknown.
func (m *Member) Change(ctx context.Context, c Change) (Changed, error) {
	if err := c.Validate(); err != nil {
		return Changed{}, err
	}
	select {
	case m.asking <- struct{}{}:
		defer func() { <-m.asking }()
	default:
		return Changed{}, fmt.Errorf("%w: this member passes on %d of them", outcome.ChangeInProgress, maxChanges)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(m.ctx, cancel)()
	grace := 2 * m.cfg.leaderGrace()
	for patience := time.Now().Add(grace); ; {
		began := time.Now()
		changed, err := m.changeOnce(ctx, c)
		switch {
		case err == nil, !errors.Is(err, outcome.NoLeader) && !errors.Is(err, reconfig.ErrMadeWay):
			return changed, err
		case errors.Is(err, reconfig.ErrMadeWay), time.Since(began) > grace:
			patience = time.Now().Add(grace)
		case time.Now().After(patience):
			return changed, err
		}
		select {
		case <-time.After(lookPause):
		case <-ctx.Done():
			return Changed{}, errors.Join(err, context.Cause(ctx))
		}
	}
}

// changeOnce has whoever leads now make a change.
func (m *Member) changeOnce(ctx context.Context, c Change) (Changed, error) {
	leader, ok := m.leader()
	switch {
	case !ok:
		return Changed{}, fmt.Errorf("%w: this member %v", outcome.NoLeader, m.absences)
	case leader == m.name:
		return m.changer.Change(ctx, c)
	}
	conn, err := m.port.Dial(ctx, leader)
	if err != nil {
		return Changed{}, fmt.Errorf("%w: %w", outcome.NoLeader, err)
	}
	defer conn.Close()
	request, err := json.Marshal(c)
	if err != nil {
		return Changed{}, err
	}
	body, err := peer.AskChange(ctx, conn, request, func() bool { now, ok := m.leader(); return ok && now == leader })
	if err != nil {
		return Changed{}, err
	}
	var answer changeAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return Changed{}, fmt.Errorf("%w: the leader's answer: %w", outcome.Unknown, err)
	}
	return answer.Changed, answer.error()
}

// answerChange makes a change for another member; the answer is JSON.
func (m *Member) answerChange(ctx context.Context, request []byte) ([]byte, error) {
	var c Change
	if err := json.Unmarshal(request, &c); err != nil {
		return nil, err
	}
	changed, err := m.changer.Change(ctx, c)
	return json.Marshal(answerOf(changed, err))
}

// changeAnswer is how the outcome of a change travels.
type changeAnswer struct {
	Changed Changed      `json:"changed"`
	Code    outcome.Code `json:"code,omitempty"`
	MadeWay bool         `json:"made_way,omitempty"`
	Text    string       `json:"text,omitempty"`
}

func answerOf(changed Changed, err error) changeAnswer {
	a := changeAnswer{Changed: changed}
	if err != nil {
		a.Text, a.MadeWay = err.Error(), errors.Is(err, reconfig.ErrMadeWay)
		if a.Code, _ = outcome.Of(err); a.Code == "" {
			a.Code = outcome.Unknown
		}
	}
	return a
}

func (a changeAnswer) error() error {
	switch {
	case a.MadeWay:
		return reconfig.ErrMadeWay
	case a.Code == "":
		return nil
	}
	return saidByLeader{a.Code, a.Text}
}

// saidByLeader is an error that the leader has put in words.
type saidByLeader struct {
	code outcome.Code
	text string
}

func (s saidByLeader) Error() string { return s.text }
func (s saidByLeader) Unwrap() error { return s.code }
