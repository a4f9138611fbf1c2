package fsm

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/command"
	"github.com/bpsc/bpsc/internal/release"
)

// What schedules make of an idle cluster has a bound, whoever asks for them and
// however often; contracts that wait for records do not count. On the first level it is
// what it was in 0.1.0, whose members have to decide the same.
func TestTheSumOfSchedulesHasABound(t *testing.T) {
	for _, c := range []struct {
		level release.Level
		bound int
		says  string
	}{{release.First, 100, "more than 100 a second"}, {release.Access, MaxTicks, "more than 2000 a second"}} {
		t.Run(c.says, func(t *testing.T) { sumOfSchedules(t, c.level, c.bound, c.says) })
	}
}

func sumOfSchedules(t *testing.T, level release.Level, bound int, says string) {
	r := newRig(t)
	r.setLevel(release.For(level))
	made := 0
	for i := range bound/10 + 5 {
		if a := r.create(fmt.Sprintf(`{"token":"fast%d","wallets":"open","schedule":{"every":"100ms"}}`, i)); a.Refused == "" {
			made++
		} else {
			require.Equal(t, chain.SchedulesFull, a.Refused)
			require.Contains(t, a.Detail, says)
		}
	}
	require.Equal(t, bound/10, made)
	require.Equal(t, chain.SchedulesFull, r.create(`{"token":"slow","wallets":"open","schedule":{"every":"8784h"}}`).Refused)
	for _, schedule := range []string{`{"every":"100ms","empty":false}`, `{"transactions":1}`, `{}`} {
		require.Empty(t, r.create(fmt.Sprintf(`{"token":"quiet%d","wallets":"open","schedule":%s}`, len(schedule), schedule)).Refused)
	}

	before := len(r.store.Contracts())
	var blocks uint64
	for range 20 { // two seconds, a tick every 100 ms
		r.now += second / 10
		r.apply()
	}
	for _, c := range r.store.Contracts() {
		blocks += c.Length - 1
	}
	require.Len(t, r.store.Contracts(), before)
	require.Equal(t, uint64(2*bound), blocks)
}

func TestTheFirstContractIsNotMadeBesideAnother(t *testing.T) {
	r := newRig(t)
	first := func(token string) command.Answer {
		return r.apply(&command.Create{First: true, Contract: fmt.Appendf(nil, `{"token":"%s","wallets":"open"}`, token)})[0]
	}
	require.Empty(t, first("aka").Refused)
	require.Equal(t, chain.ContractExists, first("aka").Refused)
	a := first("gold")
	require.Equal(t, chain.ContractExists, a.Refused)
	require.Contains(t, a.Detail, `the default one is "aka"`)
	require.Len(t, r.store.Contracts(), 1)
}

func TestNodesAreRegisteredAndRemoved(t *testing.T) {
	r := newRig(t)
	nodes := func() []string { page, _ := r.store.Nodes("", 10); return page }
	require.Equal(t, command.Answer{}, r.apply(&command.Register{Nodes: []string{"b:1", "a:1"}, From: "net"})[0],
		"the answer holds no list: whoever wants one reads it")
	require.Equal(t, []string{"a:1", "b:1"}, nodes())
	require.Empty(t, r.apply(&command.Remove{Node: "a:1"})[0].Refused)
	require.Equal(t, chain.NotFound, r.apply(&command.Remove{Node: "a:1"})[0].Refused)
	require.Equal(t, []string{"b:1"}, nodes())
	require.NoError(t, r.store.Close())
	r.open()
	require.Equal(t, []string{"b:1"}, nodes())
}

func TestAContractOfUseToNobodyIsNotMade(t *testing.T) {
	r := newRig(t)
	a := r.create(`{"token":"gold"}`)
	require.Equal(t, chain.ContractInvalid, a.Refused)
	require.Contains(t, a.Detail, "nobody could ever hold this token")
}
