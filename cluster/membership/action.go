package membership

import "github.com/bpsc/bpsc/internal/identity"

// Action is what a leader does for a step.
type Action struct {
	Op     Op
	Member identity.Identity
	Addr   string // host:port, of AddMember and Readdress
	Stays  bool   // of AddMember: as a non-voter for good
	// Later: nobody waits for it. Whoever leads then does it, once Next says so.
	Later bool
}

// Op is one change of raft's configuration, or of who leads.
type Op int

// The operations.
const (
	Nothing         Op = iota // the first step of a plan: how things are
	AddMember                 // as a non-voter
	Readdress                 // a member keeps its vote and has another address
	MakeVoter                 // of a non-voter
	MakeNonVoter              // for good
	RemoveMember              // for good
	TransferLeading           // to Member
)
