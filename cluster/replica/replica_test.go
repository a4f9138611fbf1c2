package replica

import (
	"testing"

	"github.com/hashicorp/raft"
	"github.com/stretchr/testify/require"
)

// configuring is a machine that is asked something while it is told who the members are.
type configuring struct {
	*testMachine
	meanwhile func()
}

func (m configuring) Configure(index uint64, voters, nonVoters []string) error {
	m.meanwhile()
	return m.testMachine.Configure(index, voters, nonVoters)
}

// Whoever is told that a configuration is final finds it applied: it looks once.
func TestAConfigurationIsAppliedWhenItIsSaidToBeFinal(t *testing.T) {
	machine := configuring{testMachine: newTestMachine()}
	var r *Replica
	machine.meanwhile = func() { require.Empty(t, r.Configured, "said to be final before it is applied") }
	r = newTestReplica(t, &machine)
	voters := raft.Configuration{Servers: []raft.Server{{Suffrage: raft.Voter, ID: "n1", Address: "n1:1"}}}
	r.ApplyBatch([]*raft.Log{{Index: 1, Term: 1, Type: raft.LogConfiguration, Data: raft.EncodeConfiguration(voters)}})
	require.Len(t, r.Configured, 1)
	require.EqualValues(t, 1, r.applied.get())
}
