package cluster

import "github.com/bpsc/bpsc/cluster/membership"

// What changes of the members are made of; see package membership.
type (
	Change           = membership.Change
	Changed          = membership.Changed
	Step             = membership.Step
	ChangeKind       = membership.Kind
	Configuration    = membership.Configuration
	ConfiguredMember = membership.Member
)
