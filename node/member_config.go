package node

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/cluster/roster"
	"github.com/bpsc/bpsc/node/folder"
)

// MemberConfig is how a member is to run. Start from DefaultMemberConfig; Data and ID
// are required, and on the first start Peers or Join.
type MemberConfig struct {
	Common
	Access
	// ID is this member's name in Peers, and for the others.
	ID string
	// Peers are the members with which the cluster begins, this one included, the same
	// on each. They count on the first start only: afterwards the log says who the
	// members are, and others here are a warning.
	Peers []roster.Peer
	// Join has a first start wait until the cluster adds this member.
	Join bool
	// TwoVoters has a cluster begin with two members, of whom neither may fail.
	TwoVoters bool
	// A member that was added becomes a voter once it has lagged at most PromoteLag
	// log entries for PromoteAfter.
	PromoteLag   int
	PromoteAfter time.Duration
	// Raft is the host:port at which this member listens for the others; its
	// address in Peers when empty.
	Raft string
	// MemberTLS is what it shows them there.
	MemberTLS MemberTLS
	// Advertise is the URL under which clients reach this member; https:// or http://
	// and Listen when empty.
	Advertise string
	// Heartbeat is the silence after which members elect another leader; see Heartbeats.
	// A leader whose process is dead is replaced without it.
	Heartbeat time.Duration
	// LogStore is how the log of the members' requests is kept, "bolt" or "wal". One that
	// is kept otherwise is moved when the member starts.
	LogStore string
	// Contract is the default contract, the same on each member, created when the
	// cluster has none; nil when operators create contracts by request.
	Contract *chain.Contract
	// ContractFile is where Contract was read from, for messages.
	ContractFile string
	// Witnesses are asked to cosign checkpoints, and WitnessQuorum of them are
	// required by the cluster's policy, which has no witnesses where that is none.
	Witnesses     []proof.Cosigner
	WitnessQuorum int
	// AutoActivate is how long all members have to have known a new level before the
	// leader activates it; 0 leaves that to an operator. Until then they can go back to
	// the release before.
	AutoActivate time.Duration
}

// DefaultMemberConfig is a MemberConfig for members in one data centre.
func DefaultMemberConfig() MemberConfig {
	cc := cluster.DefaultConfig()
	return MemberConfig{Common: defaultCommon("127.0.0.1:5000"), Access: defaultAccess(), Heartbeat: cc.HeartbeatTimeout,
		PromoteLag: int(cc.PromoteLag), PromoteAfter: cc.PromoteAfter, LogStore: cc.LogStore}
}

// Heartbeats are the words for Heartbeat. It serves only where a leader hangs or its machine
// is lost, so it is long rather than short: at least five times what one write to the log,
// or a pause of the machine, takes under the heaviest load.
func Heartbeats() map[string]time.Duration {
	return map[string]time.Duration{
		"dedicated": 500 * time.Millisecond, // a disk and cores of its own for each member
		"lan":       time.Second,            // one data centre, machines that others use too: the default
		"wan":       3 * time.Second,        // several regions, or disks over a network
	}
}

// Validate says what is wrong with c, by the names of bpsc's flags.
func (c *MemberConfig) Validate() error {
	switch {
	case c.ID == "":
		return errors.New("--id is required")
	case c.Data == "":
		return errors.New("--data is required")
	case len(c.Peers) == 0 && c.Raft == "":
		return errors.New("--cluster is required on a first start, or --join; --raft where there is no --cluster")
	case c.PromoteLag < 0 || c.PromoteAfter < 0:
		return errors.New("--promote-lag and --promote-after must not be below 0")
	case c.WitnessQuorum < 0 || c.WitnessQuorum > 0 && len(c.Witnesses) == 0:
		return errors.New("--witness-quorum needs --witnesses")
	case c.WitnessQuorum > len(c.Witnesses):
		return fmt.Errorf("--witness-quorum %d, and --witnesses names %d", c.WitnessQuorum, len(c.Witnesses))
	case c.Heartbeat <= 0:
		return errors.New("--heartbeat must be a duration above 0, such as 150ms")
	case c.LogStore != "bolt" && c.LogStore != "wal":
		return fmt.Errorf("--log-store is bolt or wal, not %q", c.LogStore)
	case c.AutoActivate < 0:
		return errors.New("--auto-activate must be a duration, such as 24h, or 0 for never")
	}
	if err := c.validateAddresses(); err != nil {
		return err
	}
	if err := cmp.Or(c.Access.Validate(), c.checkAdmin()); err != nil {
		return err
	}
	return c.clusterConfig().Validate()
}

func (c *MemberConfig) validateAddresses() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil && c.Listen != "" {
		return fmt.Errorf("--listen %q is not host:port", c.Listen)
	}
	if c.Advertise != "" {
		if err := CheckURL(c.Advertise); err != nil {
			return fmt.Errorf("--advertise %s: %w", c.Advertise, err)
		}
	} else if err := checkReachable(host, port); err != nil {
		return fmt.Errorf("--listen %s: %w: say with --advertise under which URL this member is reached", c.Listen, err)
	}
	if err := c.TLS.validate(c.Listen); err != nil {
		return err
	}
	if c.Raft != "" {
		if _, _, err := net.SplitHostPort(c.Raft); err != nil {
			return fmt.Errorf("--raft %q is not host:port", c.Raft)
		}
	}
	return c.MemberTLS.validate(c.clusterConfig().Bind, c.TLS.Insecure)
}

// address is where Peers says that this member is.
func (c *MemberConfig) address() string {
	for _, p := range c.Peers {
		if p.ID == c.ID {
			return p.Addr
		}
	}
	return ""
}

// others are the ids of the other members.
func (c *MemberConfig) others() (ids []string) {
	for _, p := range c.Peers {
		if p.ID != c.ID {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// clusterConfig is the part of c that the cluster package needs.
func (c *MemberConfig) clusterConfig() cluster.Config {
	cc := cluster.DefaultConfig()
	cc.ID, cc.Peers, cc.Bind, cc.Dir = c.ID, c.Peers, c.Raft, filepath.Join(c.Data, folder.Raft)
	if cc.Bind == "" {
		cc.Bind = c.address()
	}
	cc.Insecure = c.TLS.Insecure || c.MemberTLS.Cert != "" // Security is set once they are read
	cc.Join, cc.TwoVoters, cc.PromoteLag, cc.PromoteAfter = c.Join, c.TwoVoters, uint64(c.PromoteLag), c.PromoteAfter
	cc.LogStore = c.LogStore
	cc.HeartbeatTimeout, cc.ElectionTimeout, cc.LeaderLeaseTimeout = c.Heartbeat, c.Heartbeat, c.Heartbeat
	return cc
}
