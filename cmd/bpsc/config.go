package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/cluster"
)

// serverConfig is how `bpsc server` is to run. Each field is a flag, a key of
// the YAML file, and a BPSC_… variable; in doubt the flag wins, then the
// variable, then the file.
type serverConfig struct {
	ID        string        // this member's name in Cluster
	Data      string        // folder for everything this member keeps
	Listen    string        // host:port of the API
	Advertise string        // URL under which clients reach the API; from Listen when empty
	Raft      string        // host:port this member listens on for the others
	Cluster   string        // id=host:port of every member, comma-separated, the same on each
	Contract  string        // JSON file of the default contract, for a cluster that has none
	Heartbeat time.Duration // silence after which members elect another leader
	// File with a line for each witness that is asked to cosign checkpoints, as
	// `bpsc witness key` prints it; none when empty.
	Witnesses     string
	WitnessQuorum int // how many of them the policy requires
	accessConfig
	logConfig
}

func serverFlags(f *pflag.FlagSet) {
	settingsFlags(f)
	accessFlags(f)
	f.String("id", "", "name of this member in --cluster (required)")
	f.String("data", "", "folder for everything this member keeps (required)")
	f.String("listen", "127.0.0.1:5000", "host:port of the HTTP API")
	f.String("advertise", "", "URL under which clients reach the API (default: http:// and --listen)")
	f.String("raft", "", "host:port to listen on for the other members (default: this member's in --cluster)")
	f.String("cluster", "", "id=host:port of every member, comma-separated, the same on each (required)")
	f.String("contract", "", "JSON file of the default contract; read when the cluster has no contract yet")
	f.String("witnesses", "", "file of the witnesses to ask for cosignatures: lines as bpsc witness key prints them")
	f.Int("witness-quorum", 0, "how many of the witnesses this cluster's policy requires")
	f.Duration("heartbeat", cluster.DefaultConfig().HeartbeatTimeout, "silence after which members elect another leader")
}

// loadConfig reads the settings of a server.
func loadConfig(flags *pflag.FlagSet) (serverConfig, error) {
	k, err := loadSettings(flags)
	if err != nil {
		return serverConfig{}, err
	}
	c := serverConfig{
		ID: k.String("id"), Data: k.String("data"), Listen: k.String("listen"), Advertise: k.String("advertise"),
		Raft: k.String("raft"), Cluster: k.String("cluster"), Contract: k.String("contract"),
		Heartbeat: k.Duration("heartbeat"), Witnesses: k.String("witnesses"), WitnessQuorum: k.Int("witness-quorum"), accessConfig: readAccessConfig(k), logConfig: readLogConfig(k),
	}
	if err := c.Validate(); err != nil {
		return c, fmt.Errorf("%w: %w", errUsage, err)
	}
	if c.Advertise == "" {
		c.Advertise = "http://" + c.Listen
	}
	return c, nil
}

// Validate says what is wrong with c, by the flag's name.
func (c serverConfig) Validate() error {
	switch {
	case c.ID == "":
		return errors.New("--id is required")
	case c.Data == "":
		return errors.New("--data is required")
	case c.Cluster == "":
		return errors.New("--cluster is required")
	case c.WitnessQuorum < 0 || c.WitnessQuorum > 0 && c.Witnesses == "":
		return errors.New("--witness-quorum needs --witnesses")
	case c.Heartbeat <= 0:
		return errors.New("--heartbeat must be a duration above 0, such as 150ms")
	}
	if err := c.validateAddresses(); err != nil {
		return err
	}
	if err := errors.Join(c.logConfig.Validate(), c.accessConfig.Validate()); err != nil {
		return err
	}
	cc, err := c.clusterConfig()
	if err == nil {
		err = cc.Validate()
	}
	return err
}

func (c serverConfig) validateAddresses() error {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("--listen %q is not host:port", c.Listen)
	}
	if c.Advertise != "" {
		if err := checkURL(c.Advertise); err != nil {
			return fmt.Errorf("--advertise %s: %w", c.Advertise, err)
		}
	} else if err := checkReachable(host, port); err != nil {
		return fmt.Errorf("--listen %s: %w: say with --advertise under which URL this member is reached", c.Listen, err)
	}
	if c.Raft == "" {
		return nil
	}
	if _, _, err := net.SplitHostPort(c.Raft); err != nil {
		return fmt.Errorf("--raft %q is not host:port", c.Raft)
	}
	return nil
}

// peers reads --cluster.
func (c serverConfig) peers() ([]cluster.Peer, error) {
	var peers []cluster.Peer
	for part := range strings.SplitSeq(c.Cluster, ",") {
		id, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, fmt.Errorf("--cluster: %q is not id=host:port", part)
		}
		peers = append(peers, cluster.Peer{ID: id, Addr: addr})
	}
	return peers, nil
}

// peerAddress is where --cluster says that this member is.
func (c serverConfig) peerAddress() string {
	peers, _ := c.peers() // validated
	for _, p := range peers {
		if p.ID == c.ID {
			return p.Addr
		}
	}
	return ""
}

// clusterConfig is the part of c that the cluster package needs.
func (c serverConfig) clusterConfig() (cluster.Config, error) {
	cc := cluster.DefaultConfig()
	peers, err := c.peers()
	if err != nil {
		return cc, err
	}
	cc.ID, cc.Peers, cc.Bind, cc.Dir = c.ID, peers, c.Raft, filepath.Join(c.Data, "raft")
	if cc.Bind == "" {
		cc.Bind = c.peerAddress()
	}
	cc.HeartbeatTimeout, cc.ElectionTimeout, cc.LeaderLeaseTimeout = c.Heartbeat, c.Heartbeat, c.Heartbeat
	return cc, nil
}

// files shares out what this process may have open.
func (c serverConfig) files() (files, error) {
	limit, err := openFiles()
	if err != nil {
		return files{}, err
	}
	cc, err := c.clusterConfig()
	if err != nil {
		return files{}, err
	}
	return memberFiles(limit, cc.Files())
}

// readContract reads the default contract's file; nil when none is named.
func (c serverConfig) readContract() (*chain.Contract, error) {
	if c.Contract == "" {
		return nil, nil
	}
	text, err := os.ReadFile(c.Contract)
	if err != nil {
		return nil, fmt.Errorf("%w: --contract: %w", errUsage, err)
	}
	contract, err := chain.DecodeNewContract(text)
	if err != nil {
		return nil, fmt.Errorf("%w: --contract %s: %w", errUsage, c.Contract, err)
	}
	return &contract, nil
}
