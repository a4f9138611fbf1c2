package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/cluster"
	"github.com/bpsc/bpsc/internal/release"
	"github.com/bpsc/bpsc/node"
)

func newServerCommand() *cobra.Command {
	cfg, logs := node.DefaultMemberConfig(), &logConfig{}
	table := memberSettings(&cfg, logs)
	cmd := &cobra.Command{
		Use: "server", Short: "Run a member of a cluster", Args: exactArgs(0),
		Long: "Run a member of a cluster. Settings come from flags, " + envPrefix + "… variables\n" +
			"(--log-level is " + envPrefix + "LOG_LEVEL) and the YAML file of --config, in that order.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runProcess(cmd, table, logs, func(ctx context.Context, p *process) (running, error) {
				cfg.Logger, cfg.RecentLog, cfg.Version = p.log, p.recent.Tail, release.Version
				return node.StartMember(context.WithoutCancel(ctx), cfg)
			})
		},
	}
	table.flags(cmd.Flags())
	return cmd
}

func memberSettings(c *node.MemberConfig, logs *logConfig) settings {
	return slices.Concat(logSettings(logs), accessSettings(&c.Access), settings{
		{"id", &c.ID, "name of this member (required)"},
		{"data", &c.Data, "folder for everything this member keeps (required)"},
		minFreeSetting(&c.MinFree),
		{"listen", listening(&c.Listen), "host:port of the HTTP API"},
		{"advertise", &c.Advertise, "URL under which clients reach the API (default: http:// and --listen)"},
		{"raft", &c.Raft, "host:port to listen on for the other members (default: this member's in --cluster)"},
		{"cluster", parsed(&c.Peers, parsePeers), "id=host:port of every member with which the cluster begins, comma-separated, the same on each; it counts on the first start only"},
		{"join", &c.Join, "on the first start, wait until a cluster adds this member (bpsc cluster add, or replace), and begin none"},
		{"two-voters", &c.TwoVoters, "let a cluster begin with two members: when either of them fails nothing is written any more"},
		{"promote-lag", &c.PromoteLag, "how many entries of the log a member that was added may lag to become a voter"},
		{"promote-after", &c.PromoteAfter, "for how long it may not lag more"},
		{"contract", delayed{&c.ContractFile, func() (err error) {
			c.Contract, err = readContract(c.ContractFile)
			return err
		}}, "JSON file of the default contract; read when the cluster has no contract yet"},
		{"witnesses", parsed(&c.Witnesses, readWitnesses), "file of the witnesses to ask for cosignatures: lines as bpsc witness key prints them"},
		{"witness-quorum", &c.WitnessQuorum, "how many of the witnesses this cluster's policy requires"},
		{"auto-activate", &c.AutoActivate, "how long all members have to have known a new level before it is activated, after which there is no way back (0: an operator does it)"},
		{"heartbeat", &c.Heartbeat, "silence after which members elect another leader"},
	})
}

func parsePeers(text string) (peers []cluster.Peer, err error) {
	for part := range strings.SplitSeq(text, ",") {
		id, addr, ok := strings.Cut(strings.TrimSpace(part), "=")
		if !ok {
			return nil, fmt.Errorf("--cluster: %q is not id=host:port", part)
		}
		peers = append(peers, cluster.Peer{ID: id, Addr: addr})
	}
	return peers, nil
}

func readContract(path string) (*chain.Contract, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--contract: %w", err)
	}
	contract, err := chain.DecodeNewContract(text)
	if err != nil {
		return nil, fmt.Errorf("--contract %s: %w", path, err)
	}
	return &contract, nil
}

func readWitnesses(path string) (list []proof.Cosigner, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--witnesses: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 4 || fields[0] != "witness" {
			return nil, fmt.Errorf("--witnesses %s: %q is not: witness NAME KEY URL", path, strings.TrimSpace(line))
		}
		if err := node.CheckURL(fields[3]); err != nil {
			return nil, fmt.Errorf("--witnesses %s: URL of %s: %w", path, fields[1], err)
		}
		key, err := proof.ParseVerifierKey(fields[2])
		if err != nil {
			return nil, fmt.Errorf("--witnesses %s: %w", path, err)
		}
		list = append(list, proof.Cosigner{Name: fields[1], Key: key, URL: fields[3]})
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("--witnesses %s names none", path)
	}
	return list, nil
}
